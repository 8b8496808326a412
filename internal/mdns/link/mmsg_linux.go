package link

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"

	"announcer/internal/mdns"
	"announcer/internal/publication"
)

// The batches of golang.org/x/net allocate an address for each packet. Here all memory is laid out once, and
// addresses are values.

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	unix.Msghdr
	n uint32 // bytes of the message
}

const (
	bufferSize = mdns.MaxMessage + 1 // a packet that fills it is too long
	// oobSize has room for packet info of IPv6 (20 bytes) and a TTL (4), each behind a header and padded.
	oobSize = 128
)

// messages are the headers of a batch, with the memory that they point to.
type messages struct {
	headers [MaxBatch]mmsghdr
	iovecs  [MaxBatch]unix.Iovec
	names   [MaxBatch]unix.RawSockaddrInet6 // also large enough for an IPv4 address
	oobs    [MaxBatch][oobSize]byte
}

// setUp points header i to its memory.
func (m *messages) setUp(i int) {
	h := &m.headers[i]
	h.Name = (*byte)(unsafe.Pointer(&m.names[i]))
	h.Iov = &m.iovecs[i]
	h.SetIovlen(1)
	h.Control = &m.oobs[i][0]
}

func (m *messages) call(trap uintptr, fd, from, to int) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(trap, uintptr(fd), uintptr(unsafe.Pointer(&m.headers[from])), uintptr(to-from),
		unix.MSG_DONTWAIT, 0, 0)
	return int(n), errno
}

// receiver has the buffers that packets are read into.
type receiver struct {
	messages
	buffers [][bufferSize]byte
	used    int // of the buffers, by the Read under way
}

// reset makes the buffers that were used ready again.
func (r *receiver) reset() {
	for i := range r.used {
		r.prepare(i)
	}
	r.used = 0
}

// full reports whether there is no room for another packet. Those of other links take room too.
func (r *receiver) full() bool { return r.used == MaxBatch }

// read appends to batch what a socket received, as far as there is room, except packets of other links.
func (r *receiver) read(s *socket, batch []Packet, links map[int]bool) ([]Packet, error) {
	if r.buffers == nil {
		r.buffers = make([][bufferSize]byte, MaxBatch)
		for i := range MaxBatch {
			r.prepare(i)
		}
	}
	room := min(MaxBatch-r.used, cap(batch)-len(batch))
	if room <= 0 {
		return batch, nil
	}
	from, to := r.used, r.used+room
	n, errno := r.call(unix.SYS_RECVMMSG, s.fd, from, to)
	switch errno {
	case 0:
	case unix.EAGAIN, unix.EINTR:
		return batch, nil
	default:
		return batch, errno
	}
	for i := from; i < from+n; i++ {
		if p := r.packet(i, s.version); links[p.Link] {
			batch = append(batch, p)
		}
	}
	r.used += n
	return batch, nil
}

func (r *receiver) prepare(i int) {
	r.setUp(i)
	r.iovecs[i].Base = &r.buffers[i][0]
	r.iovecs[i].SetLen(bufferSize)
	r.headers[i].Namelen = unix.SizeofSockaddrInet6
	r.headers[i].SetControllen(oobSize)
}

func (r *receiver) packet(i int, v publication.IPVersion) Packet {
	h := &r.headers[i]
	p := Packet{Data: r.buffers[i][:min(h.n, mdns.MaxMessage)], From: address(&r.names[i], v)}
	if h.n > mdns.MaxMessage {
		p.Err = ErrTooLong
	}
	control := r.oobs[i][:h.Controllen]
	for len(control) > 0 {
		header, data, rest, err := unix.ParseOneSocketControlMessage(control)
		if err != nil {
			break
		}
		p.take(header, data)
		control = rest
	}
	return p
}

// take notes what one control message says.
func (p *Packet) take(header unix.Cmsghdr, data []byte) {
	switch {
	case header.Level == unix.SOL_IP && header.Type == unix.IP_PKTINFO && len(data) >= unix.SizeofInet4Pktinfo:
		p.Link = int(binary.NativeEndian.Uint32(data))
		p.To = netip.AddrPortFrom(netip.AddrFrom4([4]byte(data[8:12])), mdns.Port)
	case header.Level == unix.SOL_IPV6 && header.Type == unix.IPV6_PKTINFO && len(data) >= unix.SizeofInet6Pktinfo:
		p.Link = int(binary.NativeEndian.Uint32(data[16:]))
		p.To = netip.AddrPortFrom(netip.AddrFrom16([16]byte(data[:16])), mdns.Port)
	case header.Level == unix.SOL_IP && header.Type == unix.IP_TTL && len(data) >= 4,
		header.Level == unix.SOL_IPV6 && header.Type == unix.IPV6_HOPLIMIT && len(data) >= 4:
		p.TTL = uint8(binary.NativeEndian.Uint32(data))
	}
}

// address reads a socket address. Port and address are in network order.
func address(name *unix.RawSockaddrInet6, v publication.IPVersion) netip.AddrPort {
	port := binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&name.Port))[:])
	if v == publication.V4 {
		return netip.AddrPortFrom(netip.AddrFrom4((*unix.RawSockaddrInet4)(unsafe.Pointer(name)).Addr), port)
	}
	return netip.AddrPortFrom(netip.AddrFrom16(name.Addr), port)
}

// transmitter has the headers that packets are sent with.
type transmitter struct {
	messages
	packets [MaxBatch]*Packet
}

// write sends the packets of an IP version and says how many went out.
func (t *transmitter) write(fd int, v publication.IPVersion, batch []Packet) (sent int) {
	n := 0
	for i := range batch {
		p := &batch[i]
		if p.Version() != v {
			continue
		}
		if fd < 0 {
			p.Err = ErrNoSocket
			continue
		}
		t.prepare(n, p, v)
		if n++; n == MaxBatch {
			sent += t.flush(fd, n)
			n = 0
		}
	}
	return sent + t.flush(fd, n)
}

// flush sends the first n packets. One that fails is skipped; where the kernel has no room, the rest is not tried.
func (t *transmitter) flush(fd, n int) (sent int) {
	for i := 0; i < n; {
		done, errno := t.call(unix.SYS_SENDMMSG, fd, i, n)
		switch {
		case errno == 0 && done > 0:
			sent += done
			i += done
		case errno == unix.EAGAIN:
			for _, p := range t.packets[i:n] {
				p.Err = errno
			}
			return sent
		default:
			t.packets[i].Err = errno
			i++
		}
	}
	return sent
}

func (t *transmitter) prepare(i int, p *Packet, v publication.IPVersion) {
	p.Err = nil
	t.packets[i] = p
	t.setUp(i)
	h := &t.headers[i]
	t.iovecs[i].Base = unsafe.SliceData(p.Data)
	t.iovecs[i].SetLen(len(p.Data))
	if v == publication.V4 {
		h.Namelen = unix.SizeofSockaddrInet4
		*(*unix.RawSockaddrInet4)(unsafe.Pointer(&t.names[i])) = unix.RawSockaddrInet4{
			Family: unix.AF_INET, Port: networkPort(p.To.Port()), Addr: p.To.Addr().As4(),
		}
		info := (*unix.Inet4Pktinfo)(t.control(i, unix.SOL_IP, unix.IP_PKTINFO, unix.SizeofInet4Pktinfo))
		*info = unix.Inet4Pktinfo{Ifindex: int32(p.Link)}
		if p.From.Addr().Is4() {
			info.Spec_dst = p.From.Addr().As4()
		}
		return
	}
	h.Namelen = unix.SizeofSockaddrInet6
	t.names[i] = unix.RawSockaddrInet6{Family: unix.AF_INET6, Port: networkPort(p.To.Port()), Addr: p.To.Addr().As16()}
	if a := p.To.Addr(); a.IsLinkLocalUnicast() || a.IsMulticast() {
		t.names[i].Scope_id = uint32(p.Link)
	}
	info := (*unix.Inet6Pktinfo)(t.control(i, unix.SOL_IPV6, unix.IPV6_PKTINFO, unix.SizeofInet6Pktinfo))
	*info = unix.Inet6Pktinfo{Ifindex: uint32(p.Link)}
	if p.From.Addr().Is6() {
		info.Addr = p.From.Addr().As16()
	}
}

// control lays out the one control message of packet i and returns the place of its data.
func (t *transmitter) control(i, level, kind, size int) unsafe.Pointer {
	header := (*unix.Cmsghdr)(unsafe.Pointer(&t.oobs[i][0]))
	header.Level, header.Type = int32(level), int32(kind)
	header.SetLen(unix.CmsgLen(size))
	t.headers[i].SetControllen(unix.CmsgSpace(size))
	return unsafe.Pointer(&t.oobs[i][unix.CmsgLen(0)])
}

// networkPort returns a port whose bytes in memory are in network order.
func networkPort(port uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], port)
	return binary.NativeEndian.Uint16(b[:])
}

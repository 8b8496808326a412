package memlink

import (
	"encoding/binary"
	"io"
	"net/netip"

	"announcer/internal/mdns/link"
	"announcer/internal/publication"
	"announcer/internal/testkit/pcap"
)

// Capture writes all that is sent on the segment from now on to w, as Ethernet frames as they would have been on a wire. It
// stops at the first error of w.
func (s *Segment) Capture(w io.Writer) {
	s.net.mu.Lock()
	defer s.net.mu.Unlock()
	s.capture = pcap.New(w)
}

func ethernet(from *Port, p link.Packet) []byte {
	frame := append(destination(from, p), from.mac()...)
	if p.Version() == publication.V4 {
		return append(binary.BigEndian.AppendUint16(frame, 0x0800), ip4(p)...)
	}
	return append(binary.BigEndian.AppendUint16(frame, 0x86DD), ip6(p)...)
}

// mac returns the address of an interface: locally administered, with the numbers of host and interface.
func (p *Port) mac() []byte {
	return []byte{0x02, 0, byte(p.host.number >> 16), byte(p.host.number >> 8), byte(p.host.number), byte(p.link.Index)}
}

// destination returns the address that a frame goes to: a group (RFC 1112 §6.4, RFC 2464 §7) or an interface.
func destination(from *Port, p link.Packet) []byte {
	addr := p.To.Addr().AsSlice()
	switch {
	case p.Multicast() && p.Version() == publication.V4:
		return append([]byte{0x01, 0, 0x5E, addr[1] & 0x7F}, addr[2:]...)
	case p.Multicast():
		return append([]byte{0x33, 0x33}, addr[12:]...)
	}
	for _, to := range from.segment.ports {
		if to.hears(from, p) {
			return to.mac()
		}
	}
	return make([]byte, 6)
}

func ip4(p link.Packet) []byte {
	datagram := udp(p)
	header := []byte{0x45, 0, 0, 0, 0, 0, 0x40, 0, p.TTL, 17, 0, 0}
	header = append(append(header, p.From.Addr().AsSlice()...), p.To.Addr().AsSlice()...)
	binary.BigEndian.PutUint16(header[2:], uint16(len(header)+len(datagram)))
	binary.BigEndian.PutUint16(header[10:], checksum(header))
	return append(header, datagram...)
}

func ip6(p link.Packet) []byte {
	datagram := udp(p)
	header := []byte{0x60, 0, 0, 0, 0, 0, 17, p.TTL}
	header = append(append(header, p.From.Addr().AsSlice()...), p.To.Addr().AsSlice()...)
	binary.BigEndian.PutUint16(header[4:], uint16(len(datagram)))
	return append(header, datagram...)
}

func udp(p link.Packet) []byte {
	size := uint16(8 + len(p.Data))
	var b []byte
	for _, v := range []uint16{p.From.Port(), p.To.Port(), size, 0} {
		b = binary.BigEndian.AppendUint16(b, v)
	}
	b = append(b, p.Data...)
	sum := checksum(append(pseudoHeader(p.From.Addr(), p.To.Addr(), size), b...))
	if sum == 0 {
		sum = 0xFFFF // 0 would say that there is none (RFC 768)
	}
	binary.BigEndian.PutUint16(b[6:], sum)
	return b
}

// pseudoHeader is what the checksum covers beside the datagram (RFC 768, RFC 8200 §8.1): the sum of the bytes is the
// same for both IP versions.
func pseudoHeader(from, to netip.Addr, size uint16) []byte {
	b := append(from.AsSlice(), to.AsSlice()...)
	return append(b, 0, 17, byte(size>>8), byte(size))
}

// checksum is the one of RFC 1071.
func checksum(b []byte) uint16 {
	var sum uint32
	for i, v := range b {
		if i%2 == 0 {
			sum += uint32(v) << 8
		} else {
			sum += uint32(v)
		}
	}
	for sum > 0xFFFF {
		sum = sum>>16 + sum&0xFFFF
	}
	return ^uint16(sum)
}

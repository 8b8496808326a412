package diagnosis

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"announcer/internal/publication"
)

// capture returns the frames that come to links until ctx is done. It needs the capability CAP_NET_RAW.
func capture(ctx context.Context, links publication.Links) (Frames, error) {
	f := Frames{Senders: map[Leg][]netip.Addr{}, Tagged: map[int]map[uint16]string{}}
	var polled []unix.PollFd
	var indexes []int
	for _, l := range links {
		fd, err := tap(l.Index)
		if errors.Is(err, unix.EPERM) {
			return f, errors.New("VLANs that this host has no interface for are seen by root only")
		}
		if err != nil {
			return f, fmt.Errorf("the frames of %s can't be read: %w", l.Name, err)
		}
		defer unix.Close(fd)
		polled, indexes = append(polled, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}), append(indexes, l.Index)
	}
	const tick = 100 // milliseconds
	for ctx.Err() == nil {
		if n, err := unix.Poll(polled, tick); n <= 0 || err != nil {
			continue
		}
		for i, p := range polled {
			if p.Revents != 0 {
				f.drain(ctx, indexes[i], int(p.Fd))
			}
		}
	}
	return f, nil
}

// tap opens a socket for all frames that come to an interface.
func tap(index int) (int, error) {
	const all = unix.ETH_P_ALL<<8 | unix.ETH_P_ALL>>8 // in the byte order of the network
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, err
	}
	err = unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_AUXDATA, 1)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all & 0xFFFF, Ifindex: index})
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// drain takes the frames that are there.
func (f *Frames) drain(ctx context.Context, index, fd int) {
	frame, control := make([]byte, 9100), make([]byte, 64)
	for until := time.Now().Add(time.Second); ctx.Err() == nil && time.Now().Before(until); {
		n, m, _, from, err := unix.Recvmsg(fd, frame, control, 0)
		if err != nil {
			return
		}
		if sender, ok := from.(*unix.SockaddrLinklayer); ok && sender.Pkttype != unix.PACKET_OUTGOING && sender.Pkttype != unix.PACKET_LOOPBACK {
			f.take(index, vlanOf(control[:m]), frame[:n])
		}
	}
}

// vlanOf reads the number of the VLAN in a PACKET_AUXDATA message, 0 if there is none.
func vlanOf(control []byte) uint16 {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return 0
	}
	for _, m := range messages {
		if m.Header.Level != unix.SOL_PACKET || m.Header.Type != unix.PACKET_AUXDATA {
			continue
		}
		var aux unix.TpacketAuxdata
		if _, err := binary.Decode(m.Data, binary.NativeEndian, &aux); err == nil && aux.Status&unix.TP_STATUS_VLAN_VALID != 0 {
			return aux.Vlan_tci & 0xFFF
		}
	}
	return 0
}

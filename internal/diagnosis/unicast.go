package diagnosis

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"time"

	"announcer/internal/mdns"
	"announcer/internal/publication"
)

// byUnicast asks from another port than 5353, so that hosts answer by unicast (RFC 6762 §6.7), and returns who answers on each
// link until ctx is done. It goes by IPv4: phones speak that.
func byUnicast(ctx context.Context, links publication.Links, own []netip.Addr) (map[int][]netip.Addr, error) {
	type answer struct {
		link int
		from netip.Addr
	}
	var failed error
	answers := make(chan answer)
	for _, l := range links {
		from := l.Sources(publication.V4).For(netip.Addr{})
		if len(from) == 0 {
			continue
		}
		conn, err := askFrom(ctx, from[0])
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		go func() {
			defer conn.Close()
			buffer := make([]byte, mdns.EthernetMTU)
			for {
				_, from, err := conn.ReadFromUDPAddrPort(buffer)
				if err != nil {
					return
				}
				select {
				case answers <- answer{l.Index, from.Addr().Unmap()}:
				case <-ctx.Done():
					return
				}
			}
		}()
	}
	hosts := map[int][]netip.Addr{}
	for {
		select {
		case <-ctx.Done():
			return hosts, failed
		case a := <-answers:
			if !slices.Contains(own, a.from) {
				note(hosts, a.link, a.from)
			}
		}
	}
}

// askFrom asks from a port of its own. An address of a link as the source makes the packet leave by that link.
func askFrom(ctx context.Context, source netip.Addr) (*net.UDPConn, error) {
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(source, 0)))
	if err != nil {
		return nil, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		conn.SetReadDeadline(deadline)
	}
	conn.SetWriteDeadline(time.Now().Add(time.Second))
	conn.WriteToUDPAddrPort(question(), mdns.Group4) // what keeps it from going out is seen on port 5353
	return conn, nil
}

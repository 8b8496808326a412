package link

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"announcer/internal/publication"
	"announcer/internal/testkit/netlab"
)

// When a link changes, the memberships on the others are left alone; when none does, all are confirmed.
func TestMembershipsFollowChanges(t *testing.T) {
	_, here, _ := lan(t, 2)
	for _, c := range []struct {
		name   string
		change func(links publication.Links) publication.Links
		joined bool // on the second link, which was left behind the back of the sockets
	}{
		{"the first has another MTU", func(l publication.Links) publication.Links { l[0].MTU = 1400; return l }, false},
		{"the first is gone", func(l publication.Links) publication.Links { return l[1:] }, false},
		{"the second has another MTU", func(l publication.Links) publication.Links { l[1].MTU = 1400; return l }, true},
		{"nothing changed", func(l publication.Links) publication.Links { return l }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t, nil, here...)
			socket := s.sockets[0]
			drop := func(l publication.Link) error { return socket.membership(unix.IP_DROP_MEMBERSHIP, l.Index) }
			if err := drop(here[1]); err != nil {
				t.Fatal(err)
			}
			now := c.change(slices.Clone(here))
			if err := s.SetLinks(now); err != nil {
				t.Fatal(err)
			}
			if joined := drop(here[1]) == nil; joined != c.joined {
				t.Errorf("joined on the second link: %t, want %t", joined, c.joined)
			}
			if joined := drop(here[0]) == nil; joined != publication.Links(now).Has(here[0].Index) {
				t.Errorf("joined on the first link: %t", joined)
			}
		})
	}
}

// A link that seemed to be gone when its group was to be joined is joined as soon as it is there, without another word of it.
func TestLinkThatIsThereAMomentLater(t *testing.T) {
	_, here, _ := lan(t, 1)
	s := open(t, nil, here...)
	late := here[0]
	late.Index, late.Name = 4711, "late"
	late.Addrs = []publication.LinkAddr{{Prefix: netip.MustParsePrefix("192.0.2.77/24")}}
	if err := s.SetLinks(append(slices.Clone(here), late)); !errors.Is(err, unix.ENODEV) {
		t.Fatalf("joined on a link that is not there: %v", err)
	}
	if faults := s.Faults(); len(faults) > 0 {
		t.Errorf("faults %v, want none: the link is gone", faults)
	}
	var own *netlab.Host
	own.IP(t, "link", "add", "late", "index", fmt.Sprint(late.Index), "type", "veth", "peer", "name", "far")
	t.Cleanup(func() { own.IP(t, "link", "del", "late") })
	own.IP(t, "link", "set", "late", "up")
	joined := func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return slices.ContainsFunc(s.sockets, func(sock *socket) bool { return sock.version == publication.V4 && sock.joined[late.Index] })
	}
	batch := make([]Packet, MaxBatch)
	for end := time.Now().Add(10 * maxRest); !joined() && time.Now().Before(end); {
		if _, err := s.Read(batch, time.Now().Add(100*time.Millisecond)); err != nil {
			t.Fatal(err)
		}
	}
	if !joined() {
		t.Error("it is not joined")
	}
}

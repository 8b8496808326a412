package link

import (
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"announcer/internal/publication"
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

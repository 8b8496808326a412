package link

import (
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"announcer/internal/testkit/netlab"
)

// All sockets are gone through if one may have been opened since another program was not found.
func TestSharing(t *testing.T) {
	type look struct {
		after   time.Duration // since the last one
		counts  string
		sharers []string
		finds   bool // it goes through all sockets
		unread  bool // which can't be read
	}
	const minute = time.Minute
	avahi := []string{"avahi-daemon (pid 7)"}
	for _, test := range []struct {
		name  string
		looks []look
	}{
		{"nothing changes", []look{{0, "2", nil, true, false}, {minute, "2", nil, false, false}, {minute, "2", nil, false, false}}},
		{"one comes", []look{{0, "2", nil, true, false}, {minute, "3", avahi, true, false}}},
		{"one stays", []look{{0, "3", avahi, true, false}, {minute, "3", avahi, true, false}, {minute, "3", avahi, true, false}}},
		{"one goes", []look{{0, "3", avahi, true, false}, {minute, "2", nil, true, false}, {minute, "2", nil, false, false}}},
		{"one goes while another socket is opened", []look{{0, "3", avahi, true, false}, {minute, "3", nil, true, false}}},
		{"one comes while another socket is closed", []look{{0, "3", nil, true, false}, {aloneTime - 1, "3", avahi, false, false}, {1, "3", avahi, true, false}}},
		{"the sockets can't be read", []look{{0, "2", nil, true, true}, {minute, "2", avahi, true, false}}},
		{"the kernel does not count", []look{{0, "", nil, true, false}, {minute, "", nil, true, false}, {minute, "", avahi, true, false}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var now look
				found := false
				s := &Sharing{count: func() string { return now.counts }, find: func() ([]string, bool) {
					found = true
					return now.sharers, !now.unread
				}}
				for i, l := range test.looks {
					time.Sleep(l.after)
					now, found = l, false
					names := s.Programs()
					if found != l.finds || found && !slices.Equal(names, l.sharers) || !found && names != nil {
						t.Errorf("look %d finds %q; it goes through all sockets: %v", i, names, found)
					}
				}
			})
		})
	}
}

// The kernel counts each socket that is opened and closed, of both IP versions.
func TestSocketCounts(t *testing.T) {
	netlab.Need(t)
	counts := new(socketCounts)
	for _, addr := range []string{"127.0.0.1:5353", "[::1]:5353", "[::]:5353"} {
		t.Run(addr, func(t *testing.T) {
			before := counts.read()
			c, err := net.ListenPacket("udp", addr)
			if err != nil {
				t.Fatal(err)
			}
			opened := counts.read()
			c.Close()
			if after := counts.read(); before == "" || opened == before || after != before {
				t.Errorf("counts are %q, then %q, then %q", before, opened, after)
			}
		})
	}
}

package link

import (
	"maps"
	"net"
	"slices"
	"testing"

	"announcer/internal/testkit/netlab"
)

// ours returns the targets of a responder's sockets.
func (s *Sockets) ours([]portSocket) map[string]bool {
	own := map[string]bool{}
	for _, sock := range s.sockets {
		own[target(sock.inode)] = true
	}
	return own
}

// TestClientsAreNoSharers wants a responder to meet the responders beside it, and no clients, while these have the port open.
func TestClientsAreNoSharers(t *testing.T) {
	netlab.Need(t)
	for _, test := range []struct {
		name string
		open func(t *testing.T) (done func())
		want int // sockets that share the port
	}{
		{"a responder", func(t *testing.T) func() {
			s := open(t, nil)
			return func() { s.Close() }
		}, 2},
		{"a client", func(t *testing.T) func() {
			s, err := OpenClient()
			if err != nil {
				t.Fatal(err)
			}
			return func() { s.Close() }
		}, 0},
		{"a client by another package", func(t *testing.T) func() {
			c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(224, 0, 0, 251), Port: 5353})
			if err != nil {
				t.Fatal(err)
			}
			unmark := MarkClient(c)
			return func() { c.Close(); unmark() }
		}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			responder := open(t, nil)
			defer responder.Close()
			done := test.open(t)
			if got, err := sharing(responder.ours); err != nil || len(got) != test.want {
				t.Errorf("it shares the port with %v, error %v; want %d sockets", got, err, test.want)
			}
			done()
			if left := slices.Collect(maps.Keys(clients())); left != nil {
				t.Errorf("these are still marked: %q", left)
			}
		})
	}
}

// TestOwnSockets wants the sockets of this program to be known among all that have port 5353 open.
func TestOwnSockets(t *testing.T) {
	netlab.Need(t)
	for _, test := range []struct {
		name string
		open int // responders of this program
	}{
		{"no socket", 0},
		{"one responder", 1},
		{"two responders", 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			const foreign = 1 // an inode that no file of this program has
			want := map[string]bool{}
			for range test.open {
				s := open(t, nil)
				defer s.Close()
				maps.Copy(want, s.ours(nil))
			}
			sockets, err := portSockets()
			if err != nil {
				t.Fatal(err)
			}
			if got := ownSockets(append(sockets, portSocket{inode: foreign})); !maps.Equal(got, want) {
				t.Errorf("own are %v, want %v", got, want)
			}
			if names := NewSharing().Programs(); names != nil {
				t.Errorf("the port is shared with %q", names)
			}
		})
	}
}

// TestParseClients reads a list of Unix sockets.
func TestParseClients(t *testing.T) {
	const table = `Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 16811 /run/dbus/system_bus_socket
0000000000000000: 00000002 00000000 00000000 0002 01 20319 @announcer/client/socket:[20318]
0000000000000000: 00000002 00000000 00000000 0002 01 20320
0000000000000000: 00000002 00000000 00000000 0002 01 20321 @other/announcer/client/socket:[7]
`
	if got := slices.Sorted(maps.Keys(parseClients([]byte(table)))); !slices.Equal(got, []string{"socket:[20318]"}) {
		t.Errorf("got %q", got)
	}
}

//go:build linux

package interop

import (
	"fmt"
	"regexp"
	"slices"
	"testing"

	"github.com/miekg/dns"
)

// besides are the programs that share port 5353, the host's name and its addresses with announcer on one machine.
var besides = []struct {
	name  string
	start func(t *testing.T, server machine) *process
	own   []service // of the other program
}{
	{"Avahi", func(t *testing.T, server machine) *process {
		copyTo(t, server.dir+"/avahi/services", "testdata/beside/printer.service")
		avahi := server.startAvahi(t, "[server]\nallow-interfaces=v0\n[publish]\npublish-workstation=no\npublish-hinfo=no\n")
		avahi.await(t, "successfully established", 1)
		return avahi
	}, []service{{Name: "Avahi's printer", Type: "_ipp._tcp", Domain: "local", Host: hostname + ".local", Port: 631}}},
	{"systemd-resolved", func(t *testing.T, server machine) *process {
		resolved := server.startResolved(t)
		server.enableResolved(t, "v0")
		return resolved
	}, nil},
}

// testBeside runs announcer on one machine with another responder, the one or the other started first.
func testBeside(t *testing.T, announcer string) {
	for _, other := range besides {
		for _, first := range []string{"announcer", other.name} {
			t.Run(fmt.Sprintf("%s, %s first", other.name, first), func(t *testing.T) {
				t.Parallel()
				server, n := newServer(t)
				server.startBus(t)
				packets := newCapture(t, server, v0)
				var daemon, peer *process
				if first == other.name {
					peer = other.start(t, server)
				}
				daemon = server.start(t, announcer, "run", "--services", "testdata/names", "--interface", "v0")
				daemon.await(t, "msg=announced", len(names))
				if peer == nil {
					peer = other.start(t, server)
				}
				n.await(t, onBothVersions(slices.Concat(names, other.own)...))
				daemon.stop(t)
				n.await(t, onBothVersions(other.own...))
				n.hasHost(t)
				packets.check(t)
				packets.leavesHost(t)
				for _, p := range []*process{daemon, peer} {
					if quarrel := quarrels.FindString(p.out.String()); quarrel != "" {
						t.Errorf("%s says %q", p.cmd, quarrel)
					}
				}
			})
		}
	}
}

// quarrels is what a program says that takes the other one for a rival.
var quarrels = regexp.MustCompile(`(?i).*(conflict|collision|renam|retrying|` + hostname + `-?2).*`)

// hasHost asks for the host as a stranger, whom only the other program can answer.
func (n neighbour) hasHost(t *testing.T) {
	t.Helper()
	s, err := n.stranger("udp4")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	got, err := ask(s.ask).addresses(t.Context(), hostname+".local")
	if err != nil || !slices.Contains(got, v0.v4+"1") {
		t.Errorf("without announcer the host has the addresses %q, %v", got, err)
	}
}

// leavesHost looks for goodbyes: of announcer for its services, and none for what the other program announces.
func (c *capture) leavesHost(t *testing.T) {
	t.Helper()
	for _, version := range []string{"ip", "ipv6"} {
		t.Run(version, func(t *testing.T) {
			_, gone := c.heard(t, version)
			if !slices.ContainsFunc(gone, func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeSRV }) {
				t.Error("no goodbye for a service")
			}
			for _, rr := range gone {
				if name := rr.Header().Name; name == hostname+".local." || slices.Contains(reverses(v0), name) {
					t.Errorf("a goodbye for what the other program announces: %v", rr)
				}
			}
		})
	}
}

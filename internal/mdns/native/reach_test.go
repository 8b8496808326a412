package native

import (
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"announcer/internal/mdns"
	"announcer/internal/mdns/link"
	"announcer/internal/publication"
	"announcer/internal/testkit/memlink"
	"announcer/services"
)

// held is the fault that another program holds the port of an IP version.
func held(v publication.IPVersion) link.Fault {
	return link.Fault{Version: v, Why: "somebody has the port"}
}

// kinds returns the events of some kinds as lines.
func kinds(events []mdns.Event, wanted ...mdns.EventKind) (lines []string) {
	for _, e := range events {
		if slices.Contains(wanted, e.Kind) {
			lines = append(lines, e.String())
		}
	}
	return lines
}

// A service is announced by the IP versions that can be used, and by the others when they can be; one that reaches no
// host is not announced.
func TestFaults(t *testing.T) {
	const lost4, lost6 = "no phone can be reached by IPv4 on eth0: somebody has the port", "no phone can be reached by IPv6 on eth0: somebody has the port"
	tests := []struct {
		name     string
		protocol services.Protocol
		addrs    string
		faults   []link.Fault
		state    mdns.State
		why      string
		lost     []string
	}{
		{"IPv4 of both", services.AnyProtocol, "192.0.2.1/24 fe80::1/64", []link.Fault{held(publication.V4)}, mdns.Announced, "", []string{lost4}},
		{"IPv6 of both", services.AnyProtocol, "192.0.2.1/24 fe80::1/64", []link.Fault{held(publication.V6)}, mdns.Announced, "", []string{lost6}},
		{"both", services.AnyProtocol, "192.0.2.1/24 fe80::1/64", []link.Fault{held(publication.V4), held(publication.V6)}, mdns.Refused, lost4 + "; " + lost6, []string{lost4, lost6}},
		{"IPv4 alone", services.AnyProtocol, "192.0.2.1/24", []link.Fault{held(publication.V4)}, mdns.Refused, lost4, []string{lost4}},
		{"IPv6 alone", services.AnyProtocol, "fe80::1/64", []link.Fault{held(publication.V6)}, mdns.Refused, lost6, []string{lost6}},
		{"an IPv4 service", services.IPv4, "192.0.2.1/24 fe80::1/64", []link.Fault{held(publication.V4)}, mdns.Refused, lost4, []string{lost4}},
		{"an IPv6 service", services.IPv6, "192.0.2.1/24 fe80::1/64", []link.Fault{held(publication.V4)}, mdns.Announced, "", []string{lost4}},
		{"IPv6 where there is none", services.AnyProtocol, "192.0.2.1/24", []link.Fault{held(publication.V6)}, mdns.Announced, "", nil},
		{"another link", services.AnyProtocol, "192.0.2.1/24", []link.Fault{{Version: publication.V4, Link: 7, Why: "x"}}, mdns.Announced, "", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			desk := sip("Desk")
			desk.Group.Services[0].Protocol = test.protocol
			onSegment(t, test.addrs, func(t *testing.T, m machine, conn *memlink.Conn) {
				conn.SetFaults(test.faults...)
				m.apply(t, desk)
				time.Sleep(10 * time.Second)
				if s := m.Status()[0]; s.State != test.state || s.Why != test.why {
					t.Errorf("it is %v: %q; want %v: %q", s.State, s.Why, test.state, test.why)
				}
				var lost []string
				for _, f := range m.Observe().Faults {
					lost = append(lost, f.String())
				}
				if !slices.Equal(lost, test.lost) {
					t.Errorf("the faults are %q; want %q", lost, test.lost)
				}
				if got := kinds(pending(m), mdns.Unreachable); len(got) != len(test.lost) {
					t.Errorf("got the events %q; want one for each of %q", got, test.lost)
				}

				conn.SetFaults()
				time.Sleep(2 * time.Second)
				if s := m.Status()[0]; s.State != mdns.Announced || s.Why != "" || m.Observe().Faults != nil {
					t.Errorf("afterwards it is %v: %q, with the faults %v", s.State, s.Why, m.Observe().Faults)
				}
				events := pending(m)
				if got := kinds(events, mdns.Reachable); len(got) != len(test.lost) {
					t.Errorf("got the events %q; want one for each of %q", got, test.lost)
				}
				if got := kinds(events, mdns.ServiceAnnounced); test.state == mdns.Refused && len(got) != 1 {
					t.Errorf("got the events %q", got)
				}
			})
		})
	}
}

// Where a fault is over, the service is probed for and announced by that IP version.
func TestFaultIsOver(t *testing.T) {
	onSegment(t, "192.0.2.1/24 fe80::1/64", func(t *testing.T, m machine, conn *memlink.Conn) {
		m.apply(t, sip("Desk"))
		time.Sleep(10 * time.Second)
		conn.SetFaults(held(publication.V4))
		time.Sleep(time.Minute)
		before := m.Observe().Links[0]
		conn.SetFaults()
		time.Sleep(10 * time.Second)
		after := m.Observe().Links[0]
		if probes, answers := after.Probes-before.Probes, after.Answers-before.Answers; probes != 3 || answers < 4 {
			t.Errorf("%d probes and %d announcements; want 3 and at least 4", probes, answers)
		}
	})
}

// A holder that is followed by another one is reported again; the same one is not, however often that is applied.
func TestFaultsAreToldOnce(t *testing.T) {
	onSegment(t, "192.0.2.1/24", func(t *testing.T, m machine, conn *memlink.Conn) {
		conn.SetFaults(held(publication.V4))
		for range 3 {
			m.apply(t, sip("Desk"))
			time.Sleep(time.Minute)
		}
		conn.SetFaults(link.Fault{Version: publication.V4, Why: "somebody else has it"})
		time.Sleep(time.Second)
		if got := kinds(pending(m), mdns.Unreachable, mdns.Reachable); len(got) != 2 || !strings.HasSuffix(got[1], "somebody else has it") {
			t.Errorf("got the events %q", got)
		}
	})
}

// onSegment runs a test with an engine on a host with addresses, in a time of its own.
func onSegment(t *testing.T, addrs string, test func(t *testing.T, m machine, conn *memlink.Conn)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		net := memlink.Live(1)
		h := net.NewHost("pbx")
		var prefixes []netip.Prefix
		for a := range strings.FieldsSeq(addrs) {
			prefixes = append(prefixes, netip.MustParsePrefix(a))
		}
		h.Plug(net.NewSegment(), prefixes...)
		conn := h.Conn()
		m := machine{New(Config{Conn: conn, Log: slog.New(slog.DiscardHandler), Seed: [2]uint64{1, 2}}), h, "pbx"}
		test(t, m, conn)
		if err := m.Close(t.Context()); err != nil {
			t.Error(err)
		}
		synctest.Wait()
	})
}

// pending returns the events that are there.
func pending(m machine) (events []mdns.Event) {
	select {
	case events = <-m.Events():
	default:
	}
	return events
}

package native

import (
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"announcer/internal/mdns"
	"announcer/internal/netwatch"
	"announcer/internal/publication"
)

// Another program that holds the port of an IP version is named, at the start and for links that come later; when it goes,
// the service is announced there.
func TestPortIsHeldAndFreed(t *testing.T) {
	tests := []struct{ name, network, addr, lost string }{
		{"IPv4 on 127.0.0.1", "udp4", "127.0.0.1:5353", "IPv4"},
		{"IPv6", "udp6", ":5353", "IPv6"},
		{"both", "udp", ":5353", "IPv4 IPv6"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			near := plugIn(t, []string{"192.0.2.1/24"}, "192.0.2.2/24")[0]
			holder, err := net.ListenPacket(test.network, test.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer holder.Close()
			p, err := Open(slog.New(slog.DiscardHandler), netwatch.MAC)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close(t.Context())
			d := publication.Desired{Host: "pbx", Groups: []publication.Publication{sip("Desk")}}
			if err := p.Apply(t.Context(), d); err != nil {
				t.Fatal(err)
			}
			if faults := p.Observe().Faults; faults != nil {
				t.Errorf("without a link there are the faults %v", faults)
			}
			d.Links = []publication.Link{linkOf(t, nil, "eth0")}
			if err := p.Apply(t.Context(), d); err != nil {
				t.Fatal(err)
			}
			lost := strings.Fields(test.lost)
			faults := p.Observe().Faults
			if len(faults) != len(lost) {
				t.Fatalf("the faults are %v; want those of %s", faults, test.lost)
			}
			for i, f := range faults {
				want := "no phone can be reached by " + lost[i] + " on eth0: port 5353 for " + lost[i] + " is held by "
				if got := f.String(); !strings.HasPrefix(got, want) || !strings.Contains(got, " (pid ") {
					t.Errorf("got %q; want %q and the program with its pid", got, want)
				}
			}
			if s := p.Status()[0]; len(lost) == 2 && s.State != mdns.Refused {
				t.Errorf("it is %v though nobody can be reached", s.State)
			}
			holder.Close()
			v := publication.V4
			if lost[0] == "IPv6" {
				v = publication.V6
			}
			near.await(t, v, "probe", probe)
			near.await(t, v, "announcement", announcement)
			for end := time.Now().Add(patience); p.Observe().Faults != nil || p.Status()[0].State != mdns.Announced; {
				if time.Now().After(end) {
					t.Fatalf("it is %v, with the faults %v", p.Status()[0].State, p.Observe().Faults)
				}
				<-p.Events()
			}
		})
	}
}

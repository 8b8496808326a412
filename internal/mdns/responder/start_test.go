package responder

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"announcer/internal/mdns"
)

const ms = time.Millisecond

// RFC 6762 §8.1, §8.3: a random wait, three probes, four announcements.
func TestProbeThenAnnounce(t *testing.T) {
	l := newLab(t)
	h := l.host("pbx", ethernet("192.0.2.1/24"))
	h.apply(sip("Desk", 5060))
	l.run(10 * time.Second)

	probes := l.of(h, isProbe)
	if at := times(probes); !near(at, ms, 250*ms, 250*ms) || at[0] > 250*ms {
		t.Errorf("probes at %v", at)
	}
	p := probes[0]
	for _, q := range p.msg.Questions {
		if q.Type != mdns.TypeANY || !q.QU {
			t.Errorf("question %v, want ANY with QU (§8.1)", q)
		}
	}
	want := []string{
		"1.2.0.192.in-addr.arpa PTR pbx.local", "Desk._sip._udp.local SRV 0 0 5060 pbx.local",
		`Desk._sip._udp.local TXT "transport=udp"`, "pbx.local A 192.0.2.1",
	}
	if diff := cmp.Diff(want, brief(p.msg.Authority)); diff != "" {
		t.Errorf("proposed:\n%s", diff)
	}

	answers := l.of(h, isResponse)
	if at := times(answers); !near(append(times(probes)[2:], at...), 2*ms, 250*ms, time.Second, 2*time.Second, 4*time.Second) {
		t.Errorf("announced at %v, probed until %v", at, times(probes)[2])
	}
	want = append(want, "_services._dns-sd._udp.local PTR _sip._udp.local", "_sip._udp.local PTR Desk._sip._udp.local")
	for _, a := range answers {
		if diff := cmp.Diff(sorted(want), brief(a.msg.Answers)); diff != "" {
			t.Errorf("announced:\n%s", diff)
		}
		for _, r := range a.msg.Answers {
			shared := r.Data.Type() == mdns.TypePTR && r.TTL == 4500
			if r.Unique == shared {
				t.Errorf("cache-flush of %v (§10.2)", r)
			}
		}
		if a.msg.Flags != responseFlags || a.msg.ID != 0 || len(a.msg.Questions) > 0 || a.Dst != group4 {
			t.Errorf("header %+v to %v (§18)", a.msg.Header, a.Dst)
		}
	}
	if got := h.state(); got != "Desk announced" {
		t.Errorf("state %q", got)
	}
}

package responder

import (
	"testing"
	"time"

	"announcer/internal/mdns"
)

// TestLack has the only address of a link be tentative, then a duplicate, then valid: the service has the reason of the moment.
func TestLack(t *testing.T) {
	l := newLab(t)
	link := ethernet("2001:db8::7/64")
	h := l.host("pbx", link)
	for _, step := range []struct {
		name                 string
		tentative, duplicate bool
		state                mdns.State
		why                  string
	}{
		{"tentative", true, false, mdns.Refused, mdns.NoAddress + ": it is not known yet that no other host has 2001:db8::7 (tentative); want it known, 2 s after it was added"},
		{"duplicate", true, true, mdns.Refused, mdns.NoAddress + ": another host has 2001:db8::7, too (duplicate); want another address"},
		{"valid", false, false, mdns.Announced, ""},
	} {
		t.Run(step.name, func(t *testing.T) {
			now := link
			now.Addrs = ethernet("2001:db8::7/64").Addrs
			now.Addrs[0].Tentative, now.Addrs[0].Duplicate = step.tentative, step.duplicate
			h.links[0] = now
			h.apply(sip("Desk", 5060))
			l.run(5 * time.Second)
			if s := h.Status()[0]; s.State != step.state || s.Why != step.why {
				t.Errorf("%v, %q; want %v, %q", s.State, s.Why, step.state, step.why)
			}
		})
	}
}

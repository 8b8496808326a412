package mdns

import (
	"testing"
	"time"

	"announcer/internal/dnsname"
)

func TestEventString(t *testing.T) {
	for _, test := range []struct {
		name  string
		event Event
		want  string
	}{
		{"all fields", Event{Kind: ServiceAnnounced, Name: "Front desk", Type: dnsname.MustParse("_sip._udp"), Link: "eth0"}, `announced "Front desk" (_sip._udp) on eth0`},
		{"no link", Event{Kind: ServiceRefused, Name: "PBX", Detail: "the name is taken"}, `refused "PBX": the name is taken`},
		{"no service", Event{Kind: EngineFailed, Link: "eth0", Detail: "it is down"}, "failed on eth0: it is down"},
		{"sleep", Woke(time.Time{}, 130*time.Second), "woke: the host slept for about 2m10s, or its clock was set forward by that; everything is announced again"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.event.String(); got != test.want {
				t.Errorf("got %s; want %s", got, test.want)
			}
		})
	}
}

package mdns

import (
	"fmt"
	"testing"
)

func TestBulk(t *testing.T) {
	many := func(services, links int) (events []Event) {
		for s := range services {
			for l := range links {
				events = append(events, Event{ID: "a", Service: s, Name: "x", Link: fmt.Sprint("eth", l)})
			}
		}
		return events
	}
	for _, c := range []struct {
		name   string
		kind   EventKind
		events []Event
		want   string
	}{
		{"many of both", ServiceAnnounced, many(2000, 200), "announced 2,000 services on 200 links"},
		{"one link", ServiceWithdrawn, many(999, 1), "withdrawn 999 services on 1 link"},
		{"one service", ServiceRefused, many(1, 21), "refused 1 service on 21 links"},
		{"no service", Unreachable, []Event{{Link: "eth0"}, {Link: "eth1"}}, "unreachable on 2 links"},
		{"nothing but the kind", EngineFailed, []Event{{}}, "failed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Bulk(c.kind, c.events); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	if got := grouped(1234567); got != "1,234,567" {
		t.Error(got)
	}
}

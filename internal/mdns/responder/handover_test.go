package responder

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"testing"
	"time"

	"announcer/internal/publication"
)

// ports returns links that are all on the segment.
func ports(n int) (links []publication.Link) {
	for i := range n {
		l := ethernet(fmt.Sprintf("10.0.%d.1/24", i))
		l.Index, l.Name = 2+i, fmt.Sprintf("eth%d", i)
		links = append(links, l)
	}
	return links
}

// A change of one link changes what is to be noted of that link alone, whatever happens to it.
func TestChangedLinks(t *testing.T) {
	prefix := publication.LinkAddr{Prefix: netip.MustParsePrefix("10.9.9.9/24")}
	for _, c := range []struct {
		name   string
		change func(links []publication.Link) []publication.Link
		want   []string
	}{
		{"nothing", func(links []publication.Link) []publication.Link { return links }, nil},
		{"an address", func(links []publication.Link) []publication.Link {
			links[1].Addrs = append(slices.Clone(links[1].Addrs), prefix)
			return links
		}, []string{"eth1"}},
		{"another address", func(links []publication.Link) []publication.Link {
			links[1].Addrs = []publication.LinkAddr{prefix}
			return links
		}, []string{"eth1"}},
		{"removed", func(links []publication.Link) []publication.Link { return slices.Delete(links, 1, 2) }, []string{"eth1"}},
		{"another name", func(links []publication.Link) []publication.Link {
			links[1].Name = "lan0"
			return links
		}, []string{"eth1", "lan0"}},
		{"a fault", func(links []publication.Link) []publication.Link {
			links[1].Faults = []publication.Fault{{Version: publication.V4}}
			return links
		}, []string{"eth1"}},
		{"a new one", func(links []publication.Link) []publication.Link { return ports(len(links) + 1) }, []string{"eth4"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t)
			h := l.host("pbx", ports(4)...)
			h.apply(sip("Desk", 5060))
			l.run(20 * time.Second)
			if got := slices.Sorted(maps.Keys(h.Changed())); len(got) != 4 || !h.SaidNews() {
				t.Errorf("at the start, %q have changed", got)
			}
			before := h.Announced(l.time())
			h.links = c.change(slices.Clone(h.links))
			h.apply(sip("Desk", 5060))
			l.run(20 * time.Second)
			changed := h.Changed()
			if got := slices.Sorted(maps.Keys(changed)); !slices.Equal(got, c.want) || h.SaidNews() != (c.want != nil) {
				t.Errorf("%q have changed, want %q", got, c.want)
			}
			sameWithChanges(t, before, h.AnnouncedOn(l.time(), changed), h.Announced(l.time()))
		})
	}
}

// sameWithChanges wants what was announced before, with what was announced of some links since, to be what is announced.
func sameWithChanges(t *testing.T, before, changes, now []Announced) {
	t.Helper()
	links := map[string]Announced{}
	for _, a := range slices.Concat(before, changes) {
		links[a.Link] = a
	}
	maps.DeleteFunc(links, func(_ string, a Announced) bool { return len(a.Records)+len(a.Owed) == 0 })
	got := fmt.Sprint(links)
	clear(links)
	for _, a := range now {
		links[a.Link] = a
	}
	if want := fmt.Sprint(links); got != want {
		t.Errorf("the changes make it %s, want %s", got, want)
	}
}

// Whatever becomes of what was inherited on a link is news.
func TestChangedInheritance(t *testing.T) {
	taken := response(record(desk, 120, true, srv(9, "x.local")))
	for _, c := range []struct {
		name string
		act  func(l *lab, h *host)
	}{
		{"it is announced again", func(l *lab, h *host) { h.apply(sip("Desk", 5060)); l.run(3 * time.Second) }},
		{"it gets its goodbyes", func(l *lab, h *host) { h.apply(); l.run(inheritTime + time.Second) }},
		{"another host has it", func(l *lab, h *host) { h.apply(); l.run(time.Second); l.hear(stranger, taken) }},
		{"the link goes", func(l *lab, h *host) { h.links = nil; h.apply() }},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, h := predecessor(t, sip("Desk", 5060))
			again := restarted(l, h, time.Second)
			if again.SaidNews() || len(again.Changed()) > 0 {
				t.Error("what is handed over is news")
			}
			again.apply()
			again.Changed()
			c.act(l, again)
			changed := again.Changed()
			if !changed["eth0"] {
				t.Errorf("%v have changed, want eth0", changed)
			}
			sameWithChanges(t, nil, again.AnnouncedOn(l.time(), changed), again.Announced(l.time()))
		})
	}
}

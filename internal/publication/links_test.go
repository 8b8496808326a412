package publication

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestLinks(t *testing.T) {
	eth0, eth1, vlan20 := Link{Index: 2, Name: "eth0"}, Link{Index: 3, Name: "eth1"}, Link{Index: 7, Name: "vlan20"}
	for _, c := range []struct {
		name  string
		links Links
		place int // of eth1
	}{
		{"none", nil, -1},
		{"in order", Links{eth0, eth1, vlan20}, 1},
		{"in another order", Links{vlan20, eth0, eth1}, 2},
		{"another one", Links{eth0, vlan20}, -1},
		{"the last one", Links{eth0, eth1}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.links.Place(eth1.Index); got != c.place {
				t.Errorf("it is at %d, want %d", got, c.place)
			}
			here := c.place >= 0
			byIndex, ok1 := c.links.ByIndex(eth1.Index)
			byName, ok2 := c.links.ByName(eth1.Name)
			if ok1 != here || ok2 != here || here && (byIndex.Name != eth1.Name || byName.Index != eth1.Index) {
				t.Errorf("found %v %t and %v %t", byIndex, ok1, byName, ok2)
			}
			names := map[string]bool{}
			for _, l := range c.links {
				names[l.Name] = true
			}
			if got := c.links.Names(); !maps.Equal(got, names) {
				t.Errorf("the names are %v, want %v", got, names)
			}
		})
	}
}

// TestAcross goes through pairs of states, of which each link must be found as looking it up in both does, and those that differ
// once more.
func TestAcross(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 2))
	state := func() (links Links) {
		for index := range 6 {
			if dice.IntN(3) > 0 {
				links = append(links, Link{Index: index + 1, MTU: dice.IntN(2)})
			}
		}
		return links
	}
	text := func(l *Link) string {
		if l == nil {
			return "none"
		}
		return fmt.Sprint(l.Index, l.MTU)
	}
	find := func(links Links, index int) *Link {
		if at := links.Place(index); at >= 0 {
			return &links[at]
		}
		return nil
	}
	for range 500 {
		before, now := state(), state()
		var got, want, gotChanged, wantChanged []string
		for old, l := range Across(before, now) {
			got = append(got, text(old)+" to "+text(l))
		}
		for old, l := range Changed(before, now) {
			gotChanged = append(gotChanged, text(old)+" to "+text(l))
		}
		for index := range 7 {
			if old, l := find(before, index), find(now, index); old != nil || l != nil {
				want = append(want, text(old)+" to "+text(l))
				if text(old) != text(l) {
					wantChanged = append(wantChanged, text(old)+" to "+text(l))
				}
			}
		}
		if !slices.Equal(got, want) || !slices.Equal(gotChanged, wantChanged) {
			t.Fatalf("got  %q, changed %q\nwant %q, changed %q", got, gotChanged, want, wantChanged)
		}
	}
}

// A link that replaces another one at its index comes after it.
func TestReplaced(t *testing.T) {
	old := Link{Index: 2, Name: "eth0", Hardware: 1}
	with := func(index int, name string, hardware uint64) Link {
		return Link{Index: index, Name: name, Hardware: hardware}
	}
	for _, c := range []struct {
		name string
		now  Link
		want bool
	}{
		{"the same", old, false},
		{"renamed", with(2, "lan0", 1), false},
		{"another hardware address", with(2, "eth0", 2), false},
		{"another interface", with(2, "lan0", 2), true},
		{"another name, and it is not known what it is", with(2, "lan0", 0), false},
		{"another index", with(3, "lan0", 2), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if replaced := Replaced(Links{old}, Links{c.now}); len(replaced) > 0 != c.want {
				t.Errorf("%v replace another", replaced)
			}
			pairs := 0
			for before, l := range Across(Links{old}, Links{c.now}) {
				if pairs++; c.want && (before != nil) != (pairs == 1) || l != nil && l.Name != c.now.Name {
					t.Errorf("pair %d: %v and %v", pairs, before, l)
				}
			}
			if apart := c.want || c.now.Index != old.Index; apart != (pairs == 2) {
				t.Errorf("%d pairs", pairs)
			}
		})
	}
}

package publication

import (
	"maps"
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

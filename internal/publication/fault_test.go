package publication

import (
	"fmt"
	"slices"
	"testing"
)

func TestMerged(t *testing.T) {
	fault := func(link string, v IPVersion, why string) Fault { return Fault{Link: link, Version: v, Why: why} }
	var many []Fault
	for i := range 1500 {
		many = append(many, fault(fmt.Sprintf("vlan%d", i), V4, "held"))
	}
	for _, test := range []struct {
		name   string
		faults []Fault
		want   []Fault
	}{
		{"none", nil, nil},
		{"one", []Fault{fault("eth0", V4, "held")}, []Fault{fault("eth0", V4, "held")}},
		{"two links", []Fault{fault("eth0", V4, "held"), fault("eth1", V4, "held")}, []Fault{fault("eth0, eth1", V4, "held")}},
		{"two reasons", []Fault{fault("eth0", V4, "held"), fault("eth1", V4, "filtered")}, []Fault{fault("eth0", V4, "held"), fault("eth1", V4, "filtered")}},
		{"two IP versions", []Fault{fault("eth0", V4, "held"), fault("eth0", V6, "held"), fault("eth1", V4, "held")},
			[]Fault{fault("eth0, eth1", V4, "held"), fault("eth0", V6, "held")}},
		{"many", many, []Fault{fault("vlan0, vlan1, vlan2, vlan3, vlan4, vlan5, vlan6, vlan7, vlan8, vlan9 and 1490 more", V4, "held")}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := Merged(test.faults); !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

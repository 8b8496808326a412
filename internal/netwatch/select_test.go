package netwatch

import (
	"slices"
	"testing"

	"announcer/internal/mdns"
)

func TestSelect(t *testing.T) {
	here := []mdns.Link{
		{Index: 1, Name: "lo", Loopback: true}, {Index: 2, Name: "eth0"}, {Index: 3, Name: "wlan0"}, {Index: 4, Name: "docker0"},
		{Index: 5, Name: "br-1f2e"}, {Index: 6, Name: "veth7a"}, {Index: 7, Name: "virbr0"}, {Index: 8, Name: "cni0"}, {Index: 9, Name: "br0"},
	}
	const leftOut = ", not lo, docker0, br-1f2e, veth7a, virbr0, cni0"
	for _, test := range []struct {
		name        string
		links       []mdns.Link
		allow, deny []string
		chosen      []string
		note        string
	}{
		{"defaults", here, nil, nil, []string{"eth0", "wlan0", "br0"}, "no interface was named: using eth0, wlan0, br0" + leftOut},
		{"defaults but one", here, nil, []string{"w*"}, []string{"eth0", "br0"}, "no interface was named: using eth0, br0" + leftOut},
		{"nothing but loopback", here[:1], nil, nil, nil, "no interface was named, and there is none to use but lo; want it named"},
		{"nothing left by deny", here[1:2], nil, []string{"*"}, nil, "no interface was named, and there is none to use"},
		{"nothing at all", nil, nil, nil, nil, "no interface was named, and there is none to use"},
		{"nothing left out", here[1:3], nil, nil, []string{"eth0", "wlan0"}, "no interface was named: using eth0, wlan0"},
		{"loopback by name", here, []string{"lo"}, nil, []string{"lo"}, ""},
		{"container by glob", here, []string{"veth*", "eth0"}, nil, []string{"eth0", "veth7a"}, ""},
		{"everything", here[:4], []string{"*"}, nil, []string{"lo", "eth0", "wlan0", "docker0"}, ""},
		{"deny wins", here, []string{"eth*", "wlan*"}, []string{"eth0"}, []string{"wlan0"}, ""},
		{"no match", here[:2], []string{"eht0"}, nil, nil, `no interface that is up is named "eht0"; there are: lo, eth0`},
		{"one of three matches", here[:2], []string{"ppp*", "lo", "eht0"}, nil, []string{"lo"}, `no interface that is up is named "ppp*" or "eht0"; there are: lo, eth0`},
		{"a match that is denied", here[:2], []string{"eth0"}, []string{"eth0"}, nil, ""},
		{"no interface at all", nil, []string{"eth0"}, nil, nil, `no interface that is up is named "eth0"; there are: none`},
		{"a loopback of another name", []mdns.Link{{Name: "loop7", Loopback: true}}, nil, nil, nil, "no interface was named, and there is none to use but loop7; want it named"},
	} {
		t.Run(test.name, func(t *testing.T) {
			chosen, note := Select(test.links, test.allow, test.deny)
			var got []string
			for _, l := range chosen {
				got = append(got, l.Name)
			}
			if !slices.Equal(got, test.chosen) || note != test.note {
				t.Errorf("got  %q %q\nwant %q %q", got, note, test.chosen, test.note)
			}
		})
	}
}

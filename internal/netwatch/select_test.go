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
	const leftOut = ", not on lo, docker0, br-1f2e, veth7a, virbr0, cni0"
	for _, test := range []struct {
		name        string
		links       []mdns.Link
		allow, deny []string
		chosen      []string
		assumed     string
	}{
		{"defaults", here, nil, nil, []string{"eth0", "wlan0", "br0"}, "no interface was named: announcing on eth0, wlan0, br0" + leftOut},
		{"defaults but one", here, nil, []string{"w*"}, []string{"eth0", "br0"}, "no interface was named: announcing on eth0, br0" + leftOut},
		{"nothing but loopback", here[:1], nil, nil, nil, "no interface was named: announcing on none, not on lo"},
		{"nothing left out", here[1:3], nil, nil, []string{"eth0", "wlan0"}, "no interface was named: announcing on eth0, wlan0"},
		{"loopback by name", here, []string{"lo"}, nil, []string{"lo"}, ""},
		{"container by glob", here, []string{"veth*", "eth0"}, nil, []string{"eth0", "veth7a"}, ""},
		{"everything", here[:4], []string{"*"}, nil, []string{"lo", "eth0", "wlan0", "docker0"}, ""},
		{"deny wins", here, []string{"eth*", "wlan*"}, []string{"eth0"}, []string{"wlan0"}, ""},
		{"no match", here, []string{"eht0"}, nil, nil, ""},
		{"a loopback of another name", []mdns.Link{{Name: "loop7", Loopback: true}}, nil, nil, nil, "no interface was named: announcing on none, not on loop7"},
	} {
		t.Run(test.name, func(t *testing.T) {
			chosen, assumed := Select(test.links, test.allow, test.deny)
			var got []string
			for _, l := range chosen {
				got = append(got, l.Name)
			}
			if !slices.Equal(got, test.chosen) || assumed != test.assumed {
				t.Errorf("got  %q %q\nwant %q %q", got, assumed, test.chosen, test.assumed)
			}
		})
	}
}

func TestMissing(t *testing.T) {
	links := []mdns.Link{{Name: "eth0"}, {Name: "lo"}}
	if err := Missing(links, []string{"eth*", "lo"}); err != nil {
		t.Errorf("got %v, want nil", err)
	}
	const want = `interface "eht0" is not here, or not up; there are: eth0, lo` + "\n" +
		`interface "wlan*" is not here, or not up; there are: eth0, lo`
	if err := Missing(links, []string{"eht0", "lo", "wlan*"}); err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %v", err, want)
	}
	if err := Missing(nil, []string{"lo"}); err == nil || err.Error() != `interface "lo" is not here, or not up; there are: none` {
		t.Errorf("got %v", err)
	}
}

package mdns

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"announcer/internal/publication"
	"announcer/services"
)

func TestSettle(t *testing.T) {
	both := []publication.Link{link(2, "eth0", "192.0.2.5/24"), link(3, "vlan20", "198.51.100.5/24")}
	v4, v6 := service("_http._tcp", 80), service("_http._tcp", 81)
	v4.Protocol, v6.Protocol = services.IPv4, services.IPv6
	with := func(p publication.Publication, policy publication.Policy, interfaces ...string) publication.Publication {
		p.OnConflict, p.Interfaces = policy, interfaces
		return p
	}
	wild := published("a", "%h desk %h")
	wild.Group.Wildcards, wild.Group.Services = true, []services.Service{service("_http._tcp", 80)}

	tests := []struct {
		name    string
		groups  []publication.Publication
		renamed map[string]string
		want    string
	}{
		{"one", []publication.Publication{published("a", "x", service("_http._tcp", 80))}, nil, "a/0 x probing eth0 vlan20"},
		{"wildcards", []publication.Publication{wild}, nil, "a/0 pbx desk pbx probing eth0 vlan20"},
		{"interfaces by glob", []publication.Publication{with(published("a", "x", service("_http._tcp", 80)), publication.Rename, "vlan*", "wlan0")}, nil, "a/0 x probing vlan20"},
		{"no such interface", []publication.Publication{with(published("a", "x", service("_http._tcp", 80)), publication.Rename, "wlan0")}, nil, "a/0 x probing"},
		{"two types share a name", []publication.Publication{published("a", "x", service("_http._tcp", 80), service("_ipp._tcp", 631))}, nil,
			"a/0 x probing eth0 vlan20; a/1 x probing eth0 vlan20"},
		{"one type twice in a group", []publication.Publication{published("a", "x", service("_digiumproxy._udp", 5060), service("_digiumproxy._udp", 80), service("_http._tcp", 80))}, nil,
			"a/0 x probing eth0 vlan20; a/1 x #2 probing eth0 vlan20 (service 1 of a has the name \"x\"); a/2 x probing eth0 vlan20"},
		{"identical duplicates are one", []publication.Publication{published("a", "x", service("_http._tcp", 80), service("_http._tcp", 80))}, nil,
			"a/0 x probing eth0 vlan20; a/1 x probing eth0 vlan20"},
		{"the first file keeps the name, whatever its case", []publication.Publication{published("a", "X", service("_http._tcp", 80)), published("b", "x", service("_HTTP._tcp", 81)), published("c", "x", service("_http._tcp", 82))}, nil,
			"a/0 X probing eth0 vlan20; b/0 x #2 probing eth0 vlan20 (service 1 of a has the name \"x\"); c/0 x #3 probing eth0 vlan20 (service 1 of b has the name \"x #2\")"},
		{"fail", []publication.Publication{published("a", "x", service("_http._tcp", 80)), with(published("b", "x", service("_http._tcp", 81)), publication.Fail)}, nil,
			"a/0 x probing eth0 vlan20; b/0 x refused eth0 vlan20 (service 1 of a has the name \"x\")"},
		{"standby", []publication.Publication{published("a", "x", service("_http._tcp", 80)), with(published("b", "x", service("_http._tcp", 81)), publication.Standby)}, nil,
			"a/0 x probing eth0 vlan20; b/0 x standby eth0 vlan20 (service 1 of a has the name \"x\")"},
		{"who was refused has no name to keep", []publication.Publication{published("a", "x", service("_http._tcp", 80)), with(published("b", "x", service("_http._tcp", 81)), publication.Fail), published("c", "x", service("_http._tcp", 80))}, nil,
			"a/0 x probing eth0 vlan20; b/0 x refused eth0 vlan20 (service 1 of a has the name \"x\"); c/0 x probing eth0 vlan20"},
		{"on other links there is no collision", []publication.Publication{with(published("a", "x", service("_http._tcp", 80)), publication.Rename, "eth0"), with(published("b", "x", service("_http._tcp", 81)), publication.Rename, "vlan20")}, nil,
			"a/0 x probing eth0; b/0 x probing vlan20"},
		{"nor on other IP versions", []publication.Publication{published("a", "x", v4, v6)}, nil, "a/0 x probing eth0 vlan20; a/1 x probing eth0 vlan20"},
		{"the network renames a whole group", []publication.Publication{published("a", "x", service("_http._tcp", 80), service("_ipp._tcp", 631))}, map[string]string{"a": "x #2"},
			"a/0 x #2 probing eth0 vlan20 (the name is taken on the network); a/1 x #2 probing eth0 vlan20 (the name is taken on the network)"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, in := range Settle(publication.Desired{Host: "pbx", Links: both, Groups: test.groups}, test.renamed) {
				line := fmt.Sprintf("%s/%d %s %s", in.ID, in.Index, in.Label, in.State)
				for _, l := range in.Links {
					line += " " + l.Name
				}
				if in.Why != "" {
					line += " (" + in.Why + ")"
				}
				got = append(got, line)
			}
			if diff := cmp.Diff(test.want, strings.Join(got, "; ")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestSettleRefusesWhatARenameMadeTooLong(t *testing.T) {
	// Four labels of 61 bytes and the type leave room for a short name, but not for one with " #2" behind it.
	s := service("_http._tcp", 80)
	var domain []string
	for range 3 {
		domain = append(domain, strings.Repeat("d", 61))
	}
	s.Domain = mustName(t, append(domain, strings.Repeat("d", 52))...)
	other := s
	other.Port = 81
	got := Settle(publication.Desired{Host: "pbx", Links: []publication.Link{link(2, "eth0")}, Groups: []publication.Publication{published("a", "x", s, other)}}, nil)
	if got[0].State != Probing || got[1].State != Refused || !strings.Contains(got[1].Why, "too long") {
		t.Errorf("got %v %q and %v %q; want the second refused for its length", got[0].State, got[0].Why, got[1].State, got[1].Why)
	}
}

// TestSettleLongHosts has the name of the host, or what a conflict has made of it, be too long for a wildcard.
func TestSettleLongHosts(t *testing.T) {
	fits, long := strings.Repeat("a", 59), strings.Repeat("a", 60)
	for _, test := range []struct {
		name, host, last string
		label            string
		state            State
		why              string
	}{
		{"it fits", fits, fits, "PBX " + fits, Probing, ""},
		{"it fits again", fits, "pbx", "PBX " + fits, Probing, ""},
		{"too long", long, "pbx", "PBX pbx", Probing, ""},
		{"made too long by a conflict", services.NextHost(fits), fits, "PBX " + fits, Probing, ""},
		{"too long from the start", long, "", "PBX " + long, Refused, `the name "PBX ` + long + `" has 64 bytes, at most 63`},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := published("a", "PBX %h", service("_http._tcp", 80))
			p.Group.Wildcards, p.Host = true, test.last
			got := Settle(publication.Desired{Host: test.host, Links: []publication.Link{link(2, "eth0")}, Groups: []publication.Publication{p}}, nil)[0]
			if got.Label != test.label || got.State != test.state || got.Why != test.why {
				t.Errorf("got %q, %v, %q; want %q, %v, %q", got.Label, got.State, got.Why, test.label, test.state, test.why)
			}
		})
	}
}

func BenchmarkSettle(b *testing.B) {
	for _, n := range []int{100, 1000, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			d := publication.Desired{Host: "pbx", Links: []publication.Link{link(2, "eth0")}}
			for i := range n {
				d.Groups = append(d.Groups, published(fmt.Sprint(i), fmt.Sprint("name ", i), service("_http._tcp", 80)))
			}
			for b.Loop() {
				Settle(d, nil)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/service")
		})
	}
}

package zeroconf

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"announcer/internal/dnsname"
	"announcer/internal/publication"
	"announcer/services"
)

func TestLimits(t *testing.T) {
	plain := services.Service{Type: dnsname.MustParse("_sip._udp"), Port: 5060}
	changed := func(change func(*services.Service)) services.Service {
		s := plain
		change(&s)
		return s
	}
	v4 := changed(func(s *services.Service) { s.Protocol = services.IPv4 })
	foreign := changed(func(s *services.Service) { s.Host = dnsname.MustParse("phones.local") })
	addressed := changed(func(s *services.Service) {
		s.Host = dnsname.MustParse("phones.local")
		s.Addresses = []netip.Addr{netip.MustParseAddr("192.0.2.9")}
	})
	own := changed(func(s *services.Service) { s.Host = dnsname.MustParse("PBX.local") })
	elsewhere := changed(func(s *services.Service) { s.Domain = dnsname.MustParse("example.com") })
	root := changed(func(s *services.Service) { s.Domain = dnsname.MustParse(".") })
	subtypes := changed(func(s *services.Service) {
		s.Subtypes = []dnsname.Name{dnsname.MustParse("_desk._sub._sip._udp"), dnsname.MustParse("_desk._sub._other._udp")}
	})
	noPort := changed(func(s *services.Service) { s.Port = 0 })
	comma := changed(func(s *services.Service) { s.Type = dnsname.MustParse("_si,p._udp") })

	for _, test := range []struct {
		what     string
		name     string
		policy   publication.Policy
		services []services.Service
		want     []string
	}{
		{"within the limits", "PBX", publication.Rename, []services.Service{plain, addressed, own, noPort}, nil},
		{"one IP version and subtypes", "PBX", publication.Rename, []services.Service{v4, v4, subtypes}, []string{
			"-1 warning: the zeroconf engine announces on IPv4 and IPv6 where only one of them is wanted, does not answer queries for subtypes and leaves out subtypes of another type",
		}},
		{"standby", "PBX", publication.Standby, []services.Service{plain}, []string{
			`-1 warning: the zeroconf engine keeps to the conflict policy "standby" among the definitions of this host only`,
		}},
		{"dot at the end of the name", "PBX Ltd.", publication.Rename, []services.Service{plain}, []string{
			"-1 warning: the zeroconf engine does not answer queries for a name with a comma in the type or a dot at the end of the instance",
		}},
		{"comma in the type", "PBX", publication.Rename, []services.Service{comma}, []string{
			"-1 warning: the zeroconf engine does not answer queries for a name with a comma in the type or a dot at the end of the instance",
		}},
		{"host without its addresses", "PBX", publication.Rename, []services.Service{plain, foreign}, []string{
			"1 error: the zeroconf engine would publish the addresses of this host for phones.local; want its addresses with it, or another engine",
		}},
		{"other domains", "PBX", publication.Rename, []services.Service{elsewhere, root}, []string{
			"0 error: the zeroconf engine would name the host pbx.local.example.com instead of pbx.local; want a host in the domain of the service, or another engine",
			"1 error: the zeroconf engine can't publish in the root domain; want a domain such as local",
		}},
	} {
		t.Run(test.what, func(t *testing.T) {
			p := publication.Publication{ID: "x", Group: services.Group{Name: test.name, Services: test.services}, OnConflict: test.policy}
			var got []string
			for _, problem := range Limits(p, "pbx") {
				got = append(got, fmt.Sprintf("%d %s: %s", problem.Service, problem.Severity, problem.Text))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.name, diff)
			}
		})
	}
}

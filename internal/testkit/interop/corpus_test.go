//go:build linux

package interop

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"announcer/internal/testkit/skip"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

// measured is what a neighbour saw of a file that Avahi announced, as the corpus has it.
type measured struct {
	Accepted bool
	Services []struct {
		InstanceHex      string `json:"instance_hex"`
		Type             string
		Subtypes         []string
		Domain           string
		Host             string
		Port             int
		Priority, Weight uint16
		TXT              []string // in hexadecimal
		TTLOfSRV         uint32   `json:"srv_ttl"`
		TTLOfTXT         uint32   `json:"txt_ttl"`
		TTLOfPTR         uint32   `json:"ptr_ttl"`
		SeenOn           []string `json:"seen_on"` // ipv4, ipv6
	}
}

// published is a service with all that its records say.
type published struct {
	Service          service
	Subtypes         []string
	Priority, Weight uint16
	TTLs             ttls
}

// ttls are those of a service's records, in seconds.
type ttls struct{ SRV, TXT, PTR uint32 }

// legacy are the TTLs in answers to a program that knows no multicast DNS (RFC 6762 §6.7).
var legacy = ttls{10, 10, 10}

// testCorpus announces real files that people wrote, as many at once as don't want the same name, and compares what is
// announced on each IP version with what Avahi announced. What announcer does better is out of sight here:
// Additional sections, NSEC records, a fourth announcement, unicast answers.
func testCorpus(t *testing.T, announcer string) {
	corpus := skip.Corpus(t)
	text, err := os.ReadFile(filepath.Join(corpus, "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var files map[string]measured
	if err := json.Unmarshal(text, &files); err != nil {
		t.Fatal(err)
	}
	for _, batch := range batches(t, files) {
		t.Run("from "+batch.files[0], func(t *testing.T) {
			t.Parallel()
			t.Log("files: ", strings.Join(batch.files, " "))
			folder := t.TempDir()
			for _, file := range batch.files {
				copyTo(t, folder, filepath.Join(corpus, file))
			}
			testBatch(t, announcer, folder, batch)
		})
	}
}

// testBatch announces a folder of files. A stranger must find all of it, the announcements must say it, and the
// goodbyes too.
func testBatch(t *testing.T, announcer, folder string, batch batch) {
	server := newMachine(t, hostname)
	n := newNeighbour(t, server, v0)
	packets := newCapture(t, server, v0)
	daemon := server.start(t, announcer, "run", "--services", folder, "--interface", "v0")
	daemon.await(t, "msg=announced", batch.count())
	for _, version := range []string{"ipv4", "ipv6"} {
		s, err := n.stranger("udp" + version[3:])
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		compare(t, "a stranger on "+version+" finds", s.ask, batch.withTTLs(version, legacy))
	}
	daemon.stop(t)
	packets.check(t)
	for version, filter := range map[string]string{"ipv4": "ip", "ipv6": "ipv6"} {
		t.Run(version, func(t *testing.T) {
			announced, gone := packets.heard(t, filter)
			compare(t, "announced on "+version, askOf(announced), batch.on[version])
			compare(t, "gone on "+version, askOf(gone), batch.withTTLs(version, ttls{}))
		})
	}
}

// compare compares what can be asked for with what should be there.
func compare(t *testing.T, what string, ask ask, want []published) {
	t.Helper()
	got, err := ask.published(t.Context(), want)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(inNameOrder(want), inNameOrder(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func inNameOrder(list []published) []published {
	return slices.SortedFunc(slices.Values(list), func(a, b published) int {
		return strings.Compare(a.Service.Type+a.Service.Name, b.Service.Type+b.Service.Name)
	})
}

// heard returns the records that the announcing machine multicast, by an IP version ("ip" or "ipv6"), those with a TTL and
// the goodbyes.
func (c *capture) heard(t *testing.T, version string) (announced, gone []dns.RR) {
	t.Helper()
	filter := version + " && dns.flags.response == 1 && eth.dst[0] & 1 && eth.src == " + c.mac
	for _, payload := range tshark(t, c.file, filter, "udp.payload") {
		var m dns.Msg
		if err := m.Unpack([]byte(unhex(t, payload))); err != nil {
			t.Fatal(err)
		}
		for _, rr := range append(m.Answer, m.Extra...) {
			if rr.Header().Ttl == 0 {
				gone = append(gone, rr)
			} else {
				announced = append(announced, rr)
			}
		}
	}
	return announced, gone
}

// askOf makes questions be answered from a list of records.
func askOf(records []dns.RR) ask {
	return func(_ context.Context, name string, typ uint16) (answer []dns.RR, err error) {
		for _, rr := range records {
			h := rr.Header()
			if h.Rrtype == typ && strings.EqualFold(h.Name, dns.Fqdn(name)) && !slices.ContainsFunc(answer, same(rr)) {
				answer = append(answer, rr)
			}
		}
		return answer, nil
	}
}

func same(rr dns.RR) func(dns.RR) bool {
	return func(other dns.RR) bool { return rr.String() == other.String() }
}

// published returns all services in the domains of those that are wanted, each with those of the wanted subtypes that it has.
func (a ask) published(ctx context.Context, want []published) (found []published, err error) {
	subtypes, domains := map[string]bool{}, map[string]bool{}
	for _, w := range want {
		domains[w.Service.Domain] = true
		for _, subtype := range w.Subtypes {
			subtypes[subtype] = true
		}
	}
	for domain := range domains {
		types, err := a(ctx, "_services._dns-sd._udp."+domain, dns.TypePTR)
		if err != nil {
			return nil, err
		}
		for _, typ := range types {
			instances, err := a(ctx, typ.(*dns.PTR).Ptr, dns.TypePTR)
			if err != nil {
				return nil, err
			}
			for _, instance := range instances {
				p, err := a.instance(ctx, instance.(*dns.PTR))
				if err != nil {
					return nil, err
				}
				for _, subtype := range slices.Sorted(maps.Keys(subtypes)) {
					of, err := a.pointers(ctx, subtype)
					if err != nil {
						return nil, err
					}
					if slices.Contains(of, instance.(*dns.PTR).Ptr) {
						p.Subtypes = append(p.Subtypes, subtype)
					}
				}
				found = append(found, p)
			}
		}
	}
	return found, nil
}

// instance asks for all of an instance but its subtypes.
func (a ask) instance(ctx context.Context, ptr *dns.PTR) (p published, err error) {
	p.TTLs.PTR = ptr.Hdr.Ttl
	if p.Service, err = a.service(ctx, ptr.Ptr); err != nil {
		return p, err
	}
	srv, err := a(ctx, ptr.Ptr, dns.TypeSRV)
	if err != nil || len(srv) != 1 {
		return p, fmt.Errorf("%s has %d SRV records, %w", ptr.Ptr, len(srv), err)
	}
	txt, err := a(ctx, ptr.Ptr, dns.TypeTXT)
	if err != nil || len(txt) != 1 {
		return p, fmt.Errorf("%s has %d TXT records, %w", ptr.Ptr, len(txt), err)
	}
	p.Priority, p.Weight = srv[0].(*dns.SRV).Priority, srv[0].(*dns.SRV).Weight
	p.TTLs.SRV, p.TTLs.TXT = srv[0].Header().Ttl, txt[0].Header().Ttl
	return p, nil
}

// batch is a set of files of which no two want the same name for a service.
type batch struct {
	files []string
	on    map[string][]published // by IP version: ipv4, ipv6
}

// batches shares out the accepted files.
func batches(t *testing.T, files map[string]measured) []batch {
	t.Helper()
	var batches []batch
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if !files[name].Accepted {
			continue
		}
		on := files[name].on(t)
		i := slices.IndexFunc(batches, func(b batch) bool { return !b.collides(on) })
		if i < 0 {
			i = len(batches)
			batches = append(batches, batch{on: map[string][]published{}})
		}
		batches[i].files = append(batches[i].files, name)
		for version, services := range on {
			batches[i].on[version] = append(batches[i].on[version], services...)
		}
	}
	return batches
}

// on returns the services of a file by IP version.
func (m measured) on(t *testing.T) map[string][]published {
	t.Helper()
	on := map[string][]published{}
	for _, s := range m.Services {
		p := published{
			Service:  service{Name: unhex(t, s.InstanceHex), Type: s.Type, Domain: s.Domain, Host: s.Host, Port: s.Port},
			Priority: s.Priority, Weight: s.Weight, TTLs: ttls{s.TTLOfSRV, s.TTLOfTXT, s.TTLOfPTR},
		}
		if len(s.Subtypes) > 0 {
			p.Subtypes = s.Subtypes
		}
		for _, txt := range s.TXT {
			if txt != "" {
				p.Service.TXT = append(p.Service.TXT, unhex(t, txt))
			}
		}
		for _, version := range s.SeenOn {
			on[version] = append(on[version], p)
		}
	}
	return on
}

// withTTLs returns the services on an IP version, with other TTLs.
func (b batch) withTTLs(version string, ttls ttls) []published {
	services := slices.Clone(b.on[version])
	for i := range services {
		services[i].TTLs = ttls
	}
	return services
}

// count is the number of services, on whichever IP version.
func (b batch) count() int {
	names := map[string]bool{}
	for _, services := range b.on {
		for _, p := range services {
			names[fmt.Sprint(p.Service)] = true
		}
	}
	return len(names)
}

func (b batch) collides(on map[string][]published) bool {
	for version, services := range on {
		for _, p := range services {
			if slices.ContainsFunc(b.on[version], p.collides) {
				return true
			}
		}
	}
	return false
}

func (p published) collides(other published) bool {
	a, b := p.Service, other.Service
	return strings.EqualFold(a.Name, b.Name) && strings.EqualFold(a.Type, b.Type) && strings.EqualFold(a.Domain, b.Domain)
}

func unhex(t *testing.T, s string) string {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

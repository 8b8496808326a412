//go:build linux

package interop

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// names are the services of testdata/names: names with dots, spaces, quotes, a backslash and UTF-8, binary TXT.
// One of each type, since the client of hashicorp/mdns mixes up those of one packet.
var names = []service{
	{
		Name: "電話 📞 of 63 bytes (....................................)", Type: "_http._tcp", Domain: "local", Host: hostname + ".local", Port: 65535,
		TXT: []string{"path=\xFF\xFE\xFD\x00"},
	},
	{
		Name: `Büro 2. Stock v1.0 \ "A"`, Type: "_digiumproxy._udp", Domain: "local", Host: hostname + ".local", Port: 5060,
		TXT: []string{
			"sipUrl=sip:proxy@192.0.2.20:5060;transport=udp", "bin=\x00\xFF\x80\x22\x0A\x5C", "flag", "empty=",
			`name=Grüße, 世界; C:\new`,
		},
	},
	{Name: "sip.example.com (10.1.2.3)", Type: "_sip._udp", Domain: "local", Host: hostname + ".local", Port: 5070},
}

// discovery is what a peer finds out.
type discovery struct {
	Services  []service
	Addresses []string // of their host
	Names     []string // of the addresses, where the peer can ask for them
}

// peer is a program or a library that finds services.
type peer struct {
	name    string
	reverse bool // it finds the name of an address, too
	start   func(t *testing.T, n neighbour)
	find    func(ctx context.Context, n neighbour) (discovery, error)
}

// peers look on each link: on that with both IP versions, with IPv4 alone and with IPv6 alone. All of them can.
var peers = []peer{
	{name: "Avahi", reverse: true, start: startAvahi, find: findByAvahi},
	{name: "systemd-resolved", reverse: true, start: startResolved, find: findByResolved},
	{name: "grandcat zeroconf", find: findByZeroconf},
	{name: "hashicorp mdns", find: findByHashicorp},
	{name: "dig", reverse: true, find: findByDig},
	{name: "a program that knows no multicast DNS", reverse: true, find: findByStranger},
}

// testPeers lets each peer find services on each link.
func testPeers(t *testing.T, announcer string) {
	for _, p := range peers {
		for _, l := range []link{v0, onlyIPv4, onlyIPv6} {
			t.Run(p.name+" on "+l.String(), func(t *testing.T) {
				t.Parallel()
				testPeer(t, announcer, p, l)
			})
		}
	}
}

func testPeer(t *testing.T, announcer string, p peer, l link) {
	server := newMachine(t, hostname)
	n := newNeighbour(t, server, l)
	packets := newCapture(t, server, l)
	if p.start != nil {
		p.start(t, n)
	}
	daemon := server.start(t, announcer, "run", "--services", "testdata/names", "--interface", l.name)
	daemon.await(t, "msg=announced", len(names))
	want := discovery{Services: names, Addresses: l.addresses("1")}
	if p.reverse {
		for range want.Addresses {
			want.Names = append(want.Names, hostname+".local")
		}
	}
	p.await(t, n, want)
	packets.check(t)
}

// await waits until the peer finds what it should, and nothing else.
func (p peer) await(t *testing.T, n neighbour, want discovery) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	want.sort()
	for ; ; time.Sleep(50 * time.Millisecond) {
		got, err := p.find(ctx, n)
		got.sort()
		diff := cmp.Diff(want, got)
		if err == nil && diff == "" {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("%s does not find what it should: %v (-want +got):\n%s", p.name, err, diff)
		}
	}
}

// sort brings a discovery in order. An address is named once.
func (d *discovery) sort() {
	d.Services = slices.Clone(d.Services)
	slices.SortFunc(d.Services, func(a, b service) int { return strings.Compare(a.Type+a.Name, b.Type+b.Name) })
	slices.Sort(d.Addresses)
	d.Addresses = slices.Compact(d.Addresses)
}

func startAvahi(t *testing.T, n neighbour) {
	n.startBus(t)
	n.machine.startAvahi(t, quietAvahi)
}

// findByAvahi asks Avahi for all services, for the host's addresses and for their names.
func findByAvahi(ctx context.Context, n neighbour) (found discovery, err error) {
	out, err := n.output(ctx, "avahi-browse", "--all", "--resolve", "--terminate", "--parsable", "--no-db-lookup")
	if err != nil {
		return discovery{}, err
	}
	for line := range strings.Lines(out) {
		s, ok := n.sighting(strings.TrimSuffix(line, "\n"))
		if ok && !slices.ContainsFunc(found.Services, func(other service) bool { return cmp.Equal(other, s.Service) }) {
			found.Services = append(found.Services, s.Service)
		}
	}
	for _, version := range n.link.versions() {
		out, err := n.output(ctx, "avahi-resolve", version, "--name", hostname+".local")
		if err != nil {
			return found, err
		}
		_, address, _ := strings.Cut(strings.TrimSpace(out), "\t")
		found.Addresses = append(found.Addresses, address)
	}
	for _, address := range found.Addresses {
		out, err := n.output(ctx, "avahi-resolve", "--address", address)
		if err != nil {
			return found, err
		}
		_, name, _ := strings.Cut(strings.TrimSpace(out), "\t")
		found.Names = append(found.Names, name)
	}
	return found, nil
}

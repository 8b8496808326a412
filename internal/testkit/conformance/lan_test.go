package conformance

import (
	"bytes"
	"crypto/sha256"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/mdns/link"
	"announcer/internal/mdns/wire"
	"announcer/internal/publication"
	"announcer/internal/testkit/memlink"
)

// With -lan.seeds 1000 the LAN in a box is run that often; -lan.seed 17 replays one run, and -lan.capture FILE writes
// its packets.
var (
	lanDefault = uint64(30)
	lanSeeds   = flag.Uint64("lan.seeds", 0, "how many seeds the LAN in a box runs with (default 30, with the race detector 1)")
	lanSeed    = flag.Uint64("lan.seed", 0, "the only seed that the LAN in a box runs with")
	lanCapture = flag.String("lan.capture", "", "file for the packets of the LAN in a box (pcap)")
)

const (
	lanServers   = 100
	lanPhones    = 100
	lanNames     = 40 // for the servers to share
	lanHostNames = 60
	lanKnown     = 40 // known answers that fit a packet

	lanSplit   = 10 * time.Second // the segment is in two parts
	lanHeal    = 25 * time.Second
	lanClear   = 60 * time.Second // the weather is fine, and no name changes any more
	lanEnd     = 80 * time.Second
	lanPause   = 16 * time.Second // the longest time between two questions of a phone
	lanPackets = 7 * lanServers   // at most in any second: most of them are probes while all start
	lanQuiet   = 200              // at most in a second at the end, on average
)

var lanWeather = memlink.Weather{Loss: 0.3, Duplicate: 0.1, Delay: time.Millisecond, Jitter: 20 * time.Millisecond}

// TestLANInABox runs 200 hosts on one segment: 100 servers of ours that want each other's names, and 100 phones
// that look for them. A third of the packets is lost, some come twice or late, and for a while the segment is in two.
func TestLANInABox(t *testing.T) {
	if *lanSeed != 0 {
		runLAN(t, *lanSeed)
		return
	}
	seeds := *lanSeeds
	if seeds == 0 {
		seeds = lanDefault
	}
	for seed := uint64(1); seed <= seeds; seed++ {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			runLAN(t, seed)
			if t.Failed() {
				t.Logf("replay it with: go test ./internal/testkit/conformance -run LANInABox -lan.seed %d -lan.capture lan.pcap", seed)
			}
		})
	}
}

// A failing seed is useful only if it fails again.
func TestLANReplaysExactly(t *testing.T) {
	run := func(seed uint64) [sha256.Size]byte {
		l := newLAN(seed)
		var capture bytes.Buffer
		l.segment.Capture(&capture)
		l.segment.SetWeather(lanWeather)
		l.net.Run(memlink.Start.Add(10 * time.Second))
		return sha256.Sum256(capture.Bytes())
	}
	first := run(1)
	if again := run(1); again != first {
		t.Error("two runs with one seed differ")
	}
	if first == run(2) {
		t.Error("two runs with different seeds don't differ")
	}
}

// lan is the network of a run.
type lan struct {
	net     *memlink.Net
	segment *memlink.Segment
	dice    *rand.Rand
	servers []*node
	phones  []*phone
	traffic map[int]int // packets sent in each second
}

func runLAN(t *testing.T, seed uint64) {
	l := newLAN(seed)
	l.segment.Capture(l)
	if *lanCapture != "" {
		file, err := os.Create(*lanCapture)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		l.segment.Capture(io.MultiWriter(l, file))
	}
	l.segment.SetWeather(lanWeather)
	l.net.At(memlink.Start.Add(lanSplit), func() {
		l.segment.Split(func(h *memlink.Host) int { return int(h.Name[len(h.Name)-1] % 2) })
	})
	l.net.At(memlink.Start.Add(lanHeal), l.segment.Heal)
	l.net.Run(memlink.Start.Add(lanClear))
	l.segment.SetWeather(memlink.Weather{Delay: time.Millisecond})
	l.net.Run(memlink.Start.Add(lanEnd))
	l.checkTraffic(t)
	l.checkPhones(t)
	l.checkNames(t)
}

func newLAN(seed uint64) *lan {
	l := &lan{net: memlink.New(seed), dice: rand.New(rand.NewPCG(seed, 2)), traffic: map[int]int{}}
	l.segment = l.net.NewSegment()
	for i := range lanServers {
		l.addServer(seed, i)
	}
	for i := range lanPhones {
		l.addPhone(i)
	}
	return l
}

// Write counts a packet, as a capture.
func (l *lan) Write(frame []byte) (int, error) {
	l.traffic[int(l.net.Now().Sub(memlink.Start)/time.Second)]++
	return len(frame), nil
}

func lanAddress(net, i int) netip.Prefix {
	return netip.MustParsePrefix(fmt.Sprintf("10.0.%d.%d/16", net, i+1))
}

// addServer adds a host of ours that starts within the first seconds. Names are drawn from too small a pool.
func (l *lan) addServer(seed uint64, i int) {
	h := l.net.NewHost(fmt.Sprintf("server %d", i))
	h.Plug(l.segment, lanAddress(0, i))
	desired := publication.Desired{Host: fmt.Sprintf("pbx%d", l.dice.IntN(lanHostNames)), Links: h.Links()}
	for id := range 1 + l.dice.IntN(2) {
		desired.Groups = append(desired.Groups, publication.Publication{
			ID:    fmt.Sprint(id),
			Group: group(fmt.Sprintf("Desk %d", l.dice.IntN(lanNames)), fmt.Sprintf("server=%d", i), fmt.Sprintf("service=%d", id)),
		})
	}
	s := newNode(l.net, h, seed*lanServers+uint64(i))
	l.servers = append(l.servers, s)
	l.net.At(memlink.Start.Add(time.Duration(l.dice.Int64N(int64(5*time.Second)))), func() { s.apply(desired) })
}

// phone looks for services as RFC 6762 §5.2 wants it: with known answers, at intervals that double up to lanPause.
type phone struct {
	host   *memlink.Host
	net    *memlink.Net
	reader wire.Reader
	found  map[string]mdns.Record // by the target's key
	pause  time.Duration
	timer  *memlink.Timer
}

var lanType = dnsname.MustParse(phoneType + ".local")

func (l *lan) addPhone(i int) {
	p := &phone{host: l.net.NewHost(fmt.Sprintf("phone %d", i)), net: l.net, found: map[string]mdns.Record{}, pause: time.Second}
	p.host.Plug(l.segment, lanAddress(1, i))
	p.host.OnPacket(p.hear)
	p.timer = l.net.NewTimer(p.ask)
	p.timer.Reset(memlink.Start.Add(time.Duration(l.dice.Int64N(int64(30 * time.Second)))))
	l.phones = append(l.phones, p)
}

func (p *phone) ask() {
	m := wire.Message{Questions: []wire.Query{{Name: lanType, Type: mdns.TypePTR}}, Answers: p.known()}
	data, _ := m.Encode(1472)
	p.host.Send(link.Packet{Data: data, Link: 2, To: mdns.Group4})
	p.timer.Reset(p.net.Now().Add(p.pause))
	p.pause = min(2*p.pause, lanPause)
}

// known returns as much of what was found as fits a packet, in an order that does not depend on the map.
func (p *phone) known() []mdns.Record {
	var all []mdns.Record
	for _, key := range slices.Sorted(maps.Keys(p.found)) {
		all = append(all, p.found[key])
	}
	return all[:min(len(all), lanKnown)]
}

func (p *phone) hear(packet link.Packet) {
	if p.reader.Reset(packet.Data) != nil || !p.reader.Response() {
		return
	}
	for {
		rec, ok := p.reader.Resource()
		if !ok {
			return
		}
		if rec.Type != mdns.TypePTR || string(rec.Key) != lanType.Key() {
			continue
		}
		if key := p.reader.Target(rec); rec.TTL == 0 {
			delete(p.found, string(key))
		} else if _, known := p.found[string(key)]; !known {
			target := string(key)
			data, _ := p.reader.Value(rec)
			p.found[target] = mdns.Record{Name: lanType, TTL: rec.TTL, Data: data}
		}
	}
}

// instances returns the names that the servers have, with the server of each.
func (l *lan) instances(t *testing.T) map[string]*node {
	owners := map[string]*node{}
	for _, s := range l.servers {
		for _, status := range s.Status() {
			name, err := status.Type.Join(dnsname.Local)
			if err == nil {
				name, err = name.Child(status.Name)
			}
			if err != nil {
				t.Fatal(err)
			}
			if status.State != mdns.Announced {
				t.Errorf("%s: %q is %v: %s", s.host.Name, status.Name, status.State, status.Why)
			}
			if other := owners[name.Key()]; other != nil {
				t.Errorf("%s and %s both have %v", other.host.Name, s.host.Name, name)
			}
			owners[name.Key()] = s
		}
	}
	return owners
}

// checkPhones reports whether each phone knows each service.
func (l *lan) checkPhones(t *testing.T) {
	for name, server := range l.instances(t) {
		missing := 0
		for _, p := range l.phones {
			if _, ok := p.found[name]; !ok {
				missing++
			}
		}
		if missing > 0 {
			t.Errorf("%d phones have not found %q of %s", missing, name, server.host.Name)
		}
	}
}

func (l *lan) checkTraffic(t *testing.T) {
	busiest, late := 0, 0
	for second, n := range l.traffic {
		busiest = max(busiest, n)
		if second >= int(lanEnd/time.Second)-10 {
			late += n
		}
	}
	t.Logf("at most %d packets in a second, %d in the last ten", busiest, late)
	if busiest > lanPackets || late > 10*lanQuiet {
		t.Errorf("%d packets in a second, %d in the last ten; want at most %d and %d", busiest, late, lanPackets, 10*lanQuiet)
	}
}

// checkNames asks by multicast which host has each name: it must be one host. The hosts are those that SRV records name.
func (l *lan) checkNames(t *testing.T) {
	hosts := map[string]dnsname.Name{}
	servers := map[string]map[netip.Addr]bool{}
	judge := l.net.NewHost("judge")
	judge.Plug(l.segment, lanAddress(2, 1))
	judge.OnPacket(func(p link.Packet) {
		m, err := wire.Decode(p.Data)
		if err != nil || !m.Response() {
			return
		}
		for _, r := range m.Answers {
			switch data := r.Data.(type) {
			case mdns.SRV:
				hosts[data.Target.Key()] = data.Target
			case mdns.Address:
			default:
				continue
			}
			if servers[r.Name.Key()] == nil {
				servers[r.Name.Key()] = map[netip.Addr]bool{}
			}
			servers[r.Name.Key()][p.From.Addr()] = true
		}
	})
	ask := func(name dnsname.Name, kind mdns.Type) {
		m := wire.Message{Questions: []wire.Query{{Name: name, Type: kind}}}
		data, _ := m.Encode(1472)
		judge.Send(link.Packet{Data: data, Link: 2, To: mdns.Group4})
		l.net.Run(l.net.Now().Add(20 * time.Millisecond))
	}
	for _, s := range l.servers {
		for _, status := range s.Status() {
			name, _ := lanType.Child(status.Name)
			ask(name, mdns.TypeSRV)
		}
	}
	l.net.Run(l.net.Now().Add(2 * time.Second))
	if len(hosts) != lanServers {
		t.Errorf("%d names of hosts for %d servers", len(hosts), lanServers)
	}
	for _, key := range slices.Sorted(maps.Keys(hosts)) {
		ask(hosts[key], mdns.TypeA)
	}
	l.net.Run(l.net.Now().Add(2 * time.Second))
	for _, name := range slices.Sorted(maps.Keys(servers)) {
		if n := len(servers[name]); n != 1 {
			t.Errorf("%d hosts answer for %q", n, name)
		}
	}
	for name := range l.instances(t) {
		if len(servers[name]) != 1 {
			t.Errorf("%d hosts answer for %q", len(servers[name]), name)
		}
	}
}

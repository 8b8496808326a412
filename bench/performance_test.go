//go:build linux

package bench

import (
	"flag"
	"fmt"
	"math"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/mdns/wire"
	"announcer/internal/testkit/netlab"
)

var (
	full   = flag.Bool("full", false, "measure with the numbers of the tables, not with small ones")
	report = flag.String("report", "", "the `file` to write the tables into")
)

// programs are the paths of those that were built for this run, by name.
var programs = map[string]string{}

func TestMain(m *testing.M) {
	if fetched, err := filepath.Abs("../.test-deps/bin"); err == nil {
		os.Setenv("PATH", fetched+":"+os.Getenv("PATH"))
	}
	netlab.Main(m)
}

// scale is how much is measured.
type scale struct {
	rounds   int // of each responder, in turns; the cheapest counts
	packets  int // in a round
	time     time.Duration
	many     int // services, where a table says 1,000
	most     int // services, where it says 10,000
	phones   int
	browses  int // of all phones; what is worst counts, except the CPU
	starts   int // of announcer, with many services
	changes  int
	before   int           // services before one is added
	names    []string      // of those who take part if there are several services
	patience time.Duration // for all services to be announced
	settle   time.Duration // after the first announcement, until the last one is over
	idle     time.Duration // after the announcements, until a responder has nothing left to do; announcer asks 127 s after them
	quiet    time.Duration // that it is left alone
	links    int           // where a table says 4,094
	sites    int           // networks side by side for events
	each     int           // events of a kind on each of them
	hosts    int           // on a crowded network
	crowd    time.Duration // that it is listened to
}

func scaled() scale {
	if *full {
		return scale{
			rounds: 7, packets: 4000, time: 700 * time.Millisecond, many: 1000, most: 10000, phones: 500, browses: 3, starts: 5,
			changes: 8, before: 100, names: contestants, patience: 30 * time.Second, settle: 9 * time.Second,
			idle: 130 * time.Second, quiet: 100 * time.Second, links: 4094, sites: 40, each: 5, hosts: 1000, crowd: time.Minute,
		}
	}
	return scale{
		rounds: 1, packets: 50, time: 50 * time.Millisecond, many: 20, most: 40, phones: 20, browses: 1, starts: 1,
		changes: 1, before: 2, names: []string{"floor", "announcer"}, patience: 15 * time.Second, settle: 0,
		idle: time.Second, quiet: 5 * time.Second, links: 24, sites: 1, each: 1, hosts: 20, crowd: 2 * time.Second,
	}
}

// TestPerformance measures everything. In full, one thing after another; with small numbers, all at once.
func TestPerformance(t *testing.T) {
	build(t)
	sections := []struct {
		name    string
		measure func(*tables, *testing.T)
		tables  tables
	}{
		{name: "one", measure: (*tables).one},
		{name: "many", measure: (*tables).many},
		{name: "most", measure: (*tables).most},
		{name: "phones", measure: (*tables).phones},
		{name: "changes", measure: (*tables).changes},
		{name: "quiet", measure: (*tables).quiet},
		{name: "links", measure: (*tables).links},
		{name: "events", measure: (*tables).events},
		{name: "crowd", measure: (*tables).crowd},
	}
	t.Run("tables", func(t *testing.T) {
		for i := range sections {
			t.Run(sections[i].name, func(t *testing.T) {
				if !*full {
					t.Parallel()
				}
				sections[i].tables.scale = scaled()
				sections[i].measure(&sections[i].tables, t)
			})
		}
	})
	var all tables
	for _, s := range sections {
		all.rows = append(all.rows, s.tables.rows...)
	}
	all.check(t)
	t.Log("\n" + all.String())
	if *report != "" && !t.Failed() {
		if err := insert(*report, &all); err != nil {
			t.Error(err)
		}
	}
}

// build makes the programs.
func build(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	for name, source := range map[string]string{
		"announcer": "../cmd/announcer", "floor": "./floor", "zeroconf": "./zeroconf", "brutella": "./brutella",
	} {
		programs[name] = filepath.Join(dir, name)
		cmd := exec.Command("go", "build", "-o", programs[name], ".")
		cmd.Dir = source
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go build %s: %v\n%s", source, err, out)
		}
	}
	for _, program := range []string{"avahi-daemon", "ip"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("no %s here; make test-deps fetches it", program)
		}
	}
}

// one measures with a single service.
func (r *tables) one(t *testing.T) {
	labs, _ := r.start(t, 1, contestants...)
	r.direct(t, labs, 1, times(1.4))
	r.memory(labs, 1, 6)
}

// many measures with a thousand services.
func (r *tables) many(t *testing.T) {
	n := r.scale.many
	labs, rows := r.start(t, n, r.scale.names...)
	rows.elapsed.bar, rows.cpu.bar = most(1300), ofAvahi(0.09)
	r.startAgain(t, rows)
	r.direct(t, labs, n, times(1.4))
	r.host(t, labs, n)
	r.unrelated(t, labs, n)
	r.memory(labs, n, 11)
	r.goodbyes(t, labs, n)
}

// most measures with so many services that the others don't start.
func (r *tables) most(t *testing.T) {
	n := r.scale.most
	labs, _ := r.start(t, n, "floor", "announcer")
	r.direct(t, labs, n, times(1.4))
}

// starting are the rows about how responders start.
type starting struct{ elapsed, cpu, later *row }

// start starts responders and waits until they have announced n services, as far as they do.
func (r *tables) start(t *testing.T, n int, names ...string) ([]*lab, starting) {
	rows := starting{
		elapsed: r.row("start: all announced", n, "ms", none),
		cpu:     r.row("start: CPU until then", n, "ms", none),
		later:   r.row("start: CPU until the last announcement", n, "ms", none),
	}
	var labs []*lab
	for _, name := range names {
		l := newLab(t, name, n)
		labs = append(labs, l)
		if name == "floor" {
			l.start(t)
			continue
		}
		if took, used, ok := r.startOne(t, l); ok {
			rows.elapsed.set(name, milliseconds(took))
			rows.cpu.set(name, milliseconds(used))
		} else {
			rows.elapsed.fails(name, "never")
		}
	}
	time.Sleep(max(r.scale.settle, 500*time.Millisecond))
	for _, l := range labs {
		if l.name != "floor" {
			rows.later.set(l.name, milliseconds(l.process.cpu()))
		}
	}
	return labs, rows
}

// without returns those who take part except some.
func (r *tables) without(names ...string) []string {
	return slices.DeleteFunc(slices.Clone(r.scale.names), func(name string) bool { return slices.Contains(names, name) })
}

// startOne starts a responder, waits until all its services are announced, and returns the time that this took and the
// processor time.
func (r *tables) startOne(t *testing.T, l *lab) (took, used time.Duration, ok bool) {
	e := newEar(t, l)
	defer e.close()
	l.start(t)
	at, ok := e.announced(0, l.n-1, r.scale.patience)
	return at.Sub(l.started), l.process.cpu(), ok
}

// startAgain starts announcer a few more times, and has the medians count.
func (r *tables) startAgain(t *testing.T, rows starting) {
	var took, used []float64
	for range r.scale.starts {
		t.Run("again", func(t *testing.T) {
			elapsed, cpu, ok := r.startOne(t, newLab(t, "announcer", rows.elapsed.services))
			if !ok {
				t.Fatal("not all services are announced")
			}
			took, used = append(took, milliseconds(elapsed)), append(used, milliseconds(cpu))
		})
	}
	rows.elapsed.set("announcer", median(took))
	rows.cpu.set("announcer", median(used))
}

// direct has queries for one instance answered.
func (r *tables) direct(t *testing.T, labs []*lab, n int, bar bar) {
	row := r.row(fmt.Sprintf("ANY of an instance, QU, %d in flight: CPU per answer", inFlight), n, "µs", bar)
	r.ask(t, row, labs, question(instance(0), mdns.TypeANY, true), question(instance(0), mdns.TypeANY, false))
}

// host has queries for the address of the host answered.
func (r *tables) host(t *testing.T, labs []*lab, n int) {
	row := r.row(fmt.Sprintf("A of the host, QU, %d in flight: CPU per answer", inFlight), n, "µs", times(1.3))
	r.ask(t, row, labs, question(hostName, mdns.TypeA, true), question(hostName, mdns.TypeA, false))
}

// ask measures what answers to a query cost. Before each round the records are asked for by multicast: what was not
// multicast for long is not answered by unicast (RFC 6762 §5.4).
func (r *tables) ask(t *testing.T, row *row, labs []*lab, query, refresh []byte) {
	r.measure(t, row, labs, func(c *client) int {
		c.send(refresh)
		time.Sleep(patience)
		return 0
	}, func(c *client) int { return c.ask(query, r.scale.packets, r.scale.time) })
}

// unrelated has the responders hear what is none of their business.
func (r *tables) unrelated(t *testing.T, labs []*lab, n int) {
	asks := r.row("unrelated query heard: CPU (the floor answers it)", n, "µs", bar{})
	responses := r.row("unrelated response heard: CPU", n, "µs", times(1.5))
	asks.bar = bar{floors: 1.5, of: responses}
	nothing := func(*client) int { return 0 }
	for row, packets := range map[*row][][]byte{asks: strangeQueries(), responses: strangeResponses()} {
		r.measure(t, row, labs, nothing, func(c *client) int { return c.sendAll(packets, r.scale.packets, r.scale.time) })
	}
}

// measure has the responders take turns, and returns for each the processor time per unit of its cheapest round.
func (r *tables) measure(t *testing.T, row *row, labs []*lab, prepare, load func(*client) int) {
	clients := map[*lab]*client{}
	for _, l := range labs {
		clients[l] = newClient(t, l, mdns.Port)
	}
	for range r.scale.rounds {
		for _, l := range labs {
			prepare(clients[l])
			before := l.process.cpu()
			units := load(clients[l])
			if used := l.process.cpu() - before; units > 0 {
				row.least(l.name, float64(used.Nanoseconds())/1000/float64(units))
			}
		}
	}
	for _, l := range labs {
		clients[l].close()
		if _, ok := row.values[l.name]; !ok {
			row.fails(l.name, "no answer")
		}
	}
}

// memory reads how much the programs hold.
func (r *tables) memory(labs []*lab, n int, mostMB float64) {
	resident := r.row("resident memory", n, "MB", none)
	anonymous := r.row("of it anonymous", n, "MB", most(mostMB))
	for _, l := range labs {
		resident.set(l.name, l.process.memory("VmRSS")/1e6)
		anonymous.set(l.name, l.process.memory("RssAnon")/1e6)
	}
}

// goodbyes ends the responders.
func (r *tables) goodbyes(t *testing.T, labs []*lab, n int) {
	row := r.row("SIGTERM: all goodbyes", n, "ms", most(100))
	for _, l := range labs {
		if l.name == "floor" {
			continue
		}
		e := newEar(t, l)
		asked := l.end()
		if at, ok := e.gone(0, n-1, r.scale.patience); ok {
			row.set(l.name, milliseconds(at.Sub(asked)))
		} else {
			row.fails(l.name, "none or not all")
		}
		e.close()
	}
}

const browsed = 10 // services that phones look for

// phones has phones look for ten services.
func (r *tables) phones(t *testing.T) {
	labs, _ := r.start(t, browsed, r.without("floor")...)
	n := r.scale.phones
	what := fmt.Sprintf("%d phones browse within 1 s by multicast: ", n)
	cpu := r.row(what+"CPU", browsed, "ms", ofAvahi(0.75))
	packets := r.row(what+"packets sent", browsed, "", most(5))
	full := r.row(what+"phones that have all within the RFC's second", browsed, "", least(float64(n)))
	pageCPU := r.row(what+"CPU, with the page open", browsed, "ms", ofAvahi(0.75))
	pageFull := r.row(what+"phones that have all, with the page open", browsed, "", least(float64(n)))
	what = fmt.Sprintf("%d phones without multicast DNS ask once: ", n)
	legacy := r.row(what+"phones that have all PTR", browsed, "", least(float64(n)))
	whole := r.row(what+"phones that have all SRV and TXT", browsed, "", none)
	legacyCPU := r.row(what+"CPU", browsed, "ms", none)
	open, viewer := r.open(t)
	for range r.scale.browses {
		for _, l := range labs {
			b := browse(t, l, n)
			cpu.least(l.name, milliseconds(b.cpu))
			packets.greatest(l.name, float64(b.packets))
			full.least(l.name, float64(b.full))
			time.Sleep(max(r.scale.settle/5, 100*time.Millisecond))
			b = browseLegacy(t, l, n)
			legacyCPU.least(l.name, milliseconds(b.cpu))
			legacy.least(l.name, float64(b.full))
			whole.least(l.name, float64(b.whole))
		}
		b := browse(t, open, n)
		pageCPU.least(open.name, milliseconds(b.cpu))
		pageFull.least(open.name, float64(b.full))
	}
	if avahi, ok := cpu.values["avahi"]; ok {
		pageCPU.set("avahi", avahi) // which has no page
	}
	if events, pages := viewer.events.Load(), viewer.pages.Load(); events < int64(n) || pages < 1 {
		t.Errorf("the page had %d questions and was loaded %d times", events, pages)
	}
}

// open starts announcer with its page, and opens that.
func (r *tables) open(t *testing.T) (*lab, *viewer) {
	l := newLab(t, "announcer", browsed)
	l.page = true
	if _, _, ok := r.startOne(t, l); !ok {
		t.Fatal("not all services are announced")
	}
	v := newViewer(t, l)
	time.Sleep(r.scale.settle)
	return l, v
}

// changes adds and removes a service, again and again.
func (r *tables) changes(t *testing.T) {
	n := r.scale.before
	labs, _ := r.start(t, n, r.without("floor", "brutella")...)
	probed := r.row(fmt.Sprintf("a service is added: first probe, the latest of %d", r.scale.changes), n, "ms", most(260))
	announced := r.row("a service is added: announced, after its first probe, the quickest", n, "ms", most(760))
	gone := r.row("a service is removed: goodbye, the quickest", n, "ms", most(10))
	for _, l := range labs {
		var first, waits, ends []float64
		for range r.scale.changes {
			e := newEar(t, l)
			asked := l.add(t)
			probe, ok1 := e.probed(n, r.scale.patience)
			announcement, ok2 := e.announced(n, n, r.scale.patience)
			time.Sleep(r.scale.settle / 6)
			asked2 := l.remove(t)
			end, ok3 := e.gone(n, n, r.scale.patience)
			e.close()
			if !ok1 || !ok2 || !ok3 {
				probed.fails(l.name, "not all seen")
				break
			}
			first = append(first, milliseconds(probe.Sub(asked)))
			waits = append(waits, milliseconds(announcement.Sub(probe)))
			ends = append(ends, milliseconds(end.Sub(asked2)))
			time.Sleep(r.scale.settle / 6)
		}
		if len(first) > 0 {
			probed.set(l.name, slices.Max(first))
			announced.set(l.name, slices.Min(waits))
			gone.set(l.name, slices.Min(ends))
		}
	}
}

func milliseconds(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }

func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// floorAnswer is what announcer says of an instance, as the floor's fixed bytes.
func floorAnswer() []byte {
	name := instance(0)
	return encode(wire.Message{
		Header: wire.Header{Flags: wire.FlagResponse | wire.FlagAuthority},
		Answers: []mdns.Record{
			{Name: name, TTL: mdns.HostTTL, Unique: true, Data: mdns.SRV{Port: Port, Target: hostName}},
			{Name: name, TTL: mdns.OtherTTL, Unique: true, Data: mdns.NewTXT(Text()...)},
		},
		Additional: []mdns.Record{
			{Name: hostName, TTL: mdns.HostTTL, Unique: true, Data: mdns.Address{Addr: netip.MustParseAddr("192.0.2.1")}},
			{Name: hostName, TTL: mdns.HostTTL, Unique: true, Data: mdns.Address{Addr: netip.MustParseAddr("fe80::1")}},
		},
	})
}

// strange are services of other hosts.
var strange = []string{"_ipp._tcp", "_airplay._tcp", "_googlecast._tcp", "_hap._tcp", "_spotify-connect._tcp"}

func strangeQueries() [][]byte {
	var packets [][]byte
	for _, kind := range strange {
		packets = append(packets, question(dnsname.MustParse(kind+".local"), mdns.TypePTR, false))
	}
	return packets
}

// strangeResponses are of five records each.
func strangeResponses() [][]byte {
	var packets [][]byte
	for i, kind := range strange {
		name := dnsname.MustParse(fmt.Sprintf("Kitchen %d.%s.local", i, kind))
		host := dnsname.MustParse(fmt.Sprintf("kitchen-%d.local", i))
		packets = append(packets, encode(wire.Message{
			Header: wire.Header{Flags: wire.FlagResponse | wire.FlagAuthority},
			Answers: []mdns.Record{
				{Name: name.Parent(), TTL: mdns.OtherTTL, Data: mdns.PTR{Target: name}},
				{Name: name, TTL: mdns.HostTTL, Unique: true, Data: mdns.SRV{Port: 631, Target: host}},
				{Name: name, TTL: mdns.OtherTTL, Unique: true, Data: mdns.NewTXT("txtvers=1", "rp=ipp/print")},
				{Name: host, TTL: mdns.HostTTL, Unique: true, Data: mdns.Address{Addr: netip.MustParseAddr("192.0.2.77")}},
				{Name: host, TTL: mdns.HostTTL, Unique: true, Data: mdns.Address{Addr: netip.MustParseAddr("fe80::77")}},
			},
		}))
	}
	return packets
}

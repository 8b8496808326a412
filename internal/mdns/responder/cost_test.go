package responder

import (
	"fmt"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/mdns/wire"
	"announcer/internal/publication"
)

// busy returns a host that has announced n services.
func busy(t testing.TB, n int) (*lab, *host) {
	pubs := servers(n)
	return announced(t, pubs...)
}

func packet(src netip.AddrPort, m wire.Message) Packet {
	data, ok := m.Encode(9000)
	if !ok {
		panic("too long")
	}
	return Packet{Link: 2, Version: publication.V4, Src: src, Dst: mdns.Group4.Addr(), Data: data}
}

// unrelated is a response of five records that is none of our business.
func unrelated() Packet {
	const name = "Kitchen._ipp._tcp.local"
	return packet(stranger, response(
		record("_ipp._tcp.local", 4500, false, ptr(name)),
		record(name, 120, true, srv(631, "printer.local")),
		record(name, 4500, true, mdns.NewTXT("txtvers=1", "rp=ipp/print")),
		record("printer.local", 120, true, addr("192.0.2.77")),
		record("printer.local", 120, true, addr("fe80::77")),
	))
}

func direct() Packet { return packet(stranger, query(askQU("Server number 0."+sips, mdns.TypeANY))) }

// knowing is a query for a service by who knows it.
func knowing() Packet {
	m := query(ask(sips, mdns.TypePTR))
	for i := range 100 {
		m.Answers = append(m.Answers, record(sips, 4500, false, ptr(fmt.Sprintf("Server number %d.%s", i, sips))))
	}
	return packet(stranger, m)
}

// A packet that is none of our business allocates nothing; an answer at most two things.
func TestAllocations(t *testing.T) {
	l, h := busy(t, 100)
	h.config.Asked = nil
	h.desired.Watched = []dnsname.Name{dnsname.MustParse("_digiumproxy._udp.local")}
	h.others.watch(h.desired)
	l.hear(stranger, query(ask("Server number 0."+sips, mdns.TypeANY)))
	l.run(2 * time.Second)
	for name, c := range map[string]struct {
		p    Packet
		most float64
	}{
		"response":     {unrelated(), 0},
		"query":        {packet(stranger, query(ask("_ipp._tcp.local", mdns.TypePTR))), 0},
		"known answer": {knowing(), 0},
		"answer":       {direct(), 2},
	} {
		t.Run(name, func(t *testing.T) {
			got := testing.AllocsPerRun(200, func() {
				h.Handle(l.time(), c.p)
				h.Tick(l.time())
			})
			if got > c.most {
				t.Errorf("%v allocations, want %v", got, c.most)
			}
		})
	}
}

// A thousand services cost a thousand records.
func TestMemory(t *testing.T) {
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	l := newLab(t)
	h := l.host("pbx", ethernet("192.0.2.1/24", "fe80::1/64"))
	pubs := servers(1000)
	h.apply(pubs...)
	for l.now < time.Minute {
		l.now += 10 * ms
		h.Tick(l.time())
	}
	h.Events()
	if got := (heap() - before) / 1000; got > 6000 {
		t.Errorf("%d bytes a service, want at most 6000", got)
	} else {
		t.Logf("%d bytes a service, by IPv4 and IPv6", got)
	}
	runtime.KeepAlive(h)
}

func BenchmarkUnrelated(b *testing.B) {
	l, h := busy(b, 1000)
	p := unrelated()
	b.ReportAllocs()
	for b.Loop() {
		h.Handle(l.time(), p)
		h.Tick(l.time())
	}
}

func BenchmarkAnswer(b *testing.B) {
	for _, n := range []int{1, 1000, 10000} {
		b.Run(fmt.Sprintf("services=%d", n), func(b *testing.B) {
			l, h := busy(b, n)
			h.config.Asked = nil
			l.hear(stranger, query(ask("Server number 0."+sips, mdns.TypeANY)))
			l.run(2 * time.Second)
			p := direct()
			b.ReportAllocs()
			for b.Loop() {
				h.Handle(l.time(), p)
				if out, _ := h.Tick(l.time()); len(out) != 1 {
					b.Fatalf("%d packets", len(out))
				}
			}
		})
	}
}

func BenchmarkApply(b *testing.B) {
	l, h := busy(b, 1000)
	d := h.desired
	b.ReportAllocs()
	for b.Loop() {
		h.Apply(l.time(), d)
	}
}

// BenchmarkStart measures what it takes to announce services, from Apply to the first announcement of each.
func BenchmarkStart(b *testing.B) {
	for _, n := range []int{100, 1000, 10000} {
		b.Run(fmt.Sprintf("services=%d", n), func(b *testing.B) {
			var pubs []publication.Publication
			for i := range n {
				pubs = append(pubs, sip(fmt.Sprintf("Server number %d", i), 5060))
			}
			b.ReportAllocs()
			for b.Loop() {
				l := newLab(b)
				h := l.host("pbx", ethernet("192.0.2.1/24", "fe80::1/64"))
				h.Apply(l.time(), publication.Desired{Host: h.name, Links: h.links, Groups: pubs})
				for events := 0; events < n; events += len(h.Events()) {
					_, next := h.Tick(l.time())
					l.now = next.Sub(epoch)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/service")
		})
	}
}

// BenchmarkRemove measures what it takes to take every second service away.
func BenchmarkRemove(b *testing.B) {
	for _, n := range []int{1000, 10000} {
		b.Run(fmt.Sprintf("services=%d", n), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				l, h := busy(b, n)
				d := h.desired
				var left []publication.Publication
				for i := 0; i < n; i += 2 {
					left = append(left, d.Groups[i])
				}
				d.Groups = left
				b.StartTimer()
				h.Apply(l.time(), d)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/service")
		})
	}
}

// A thousand services take little memory: each about as much as its records, twice, since there are two IP versions.
func TestMemoryOfAService(t *testing.T) {
	const services, most = 1000, 3700 // bytes a service
	pubs := servers(services)
	before := heap()
	l := newLab(t)
	h := l.host("pbx", dual())
	h.apply(pubs...)
	l.run(20 * time.Second)
	l.mark()
	l.flying = nil
	if got := (heap() - before) / services; got > most {
		t.Errorf("%d bytes a service, want at most %d", got, most)
	}
	if got := h.state(); got != "Server number 0 announced" {
		t.Error(got)
	}
}

// A link takes little memory at rest: about twice its records, since there are two IP versions.
func TestMemoryOfALink(t *testing.T) {
	const links, most = 1000, 10800 // bytes a link
	before := heap()
	r, _ := manyLinks(links)
	if events := r.Events(); len(events) != 2*links {
		t.Errorf("%d services are announced, want %d", len(events), 2*links)
	}
	if got := (heap() - before) / links; got > most {
		t.Errorf("%d bytes a link, want at most %d", got, most)
	} else {
		t.Logf("%d bytes a link", got)
	}
	runtime.KeepAlive(r)
}

// heap returns the bytes that are in use.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

package browse

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/mdns/link"
	"announcer/internal/mdns/native"
	"announcer/internal/mdns/wire"
	"announcer/internal/publication"
	"announcer/internal/testkit/memlink"
	"announcer/services"
)

var (
	sip   = dnsname.MustParse("_sip._udp")
	local = dnsname.Local
	desk  = dnsname.MustParse("desk._sip._udp.local")
	pbx   = dnsname.MustParse("pbx.local")

	sipLocal = Question{Type: sip, Domain: local}
)

// cmpText compares names and addresses as values.
var cmpText = cmp.Options{
	cmp.Comparer(func(a, b dnsname.Name) bool { return a == b }),
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
}

func addrs(texts ...string) (all []netip.Addr) {
	for _, text := range texts {
		all = append(all, netip.MustParseAddr(text))
	}
	return all
}

// lab is a segment with hosts, in a time of its own.
type lab struct {
	net     *memlink.Net
	segment *memlink.Segment
	askers  int

	mu    sync.Mutex // held while a host answers
	heard []heard    // questions
}

type heard struct {
	at time.Time
	wire.Message
}

// inLab runs a test in a lab.
func inLab(t *testing.T, test func(t *testing.T, l *lab)) {
	synctest.Test(t, func(t *testing.T) {
		l := &lab{net: memlink.Live(1)}
		l.segment = l.net.NewSegment()
		test(t, l)
	})
}

// asker adds a host that asks.
func (l *lab) asker() (link.Conn, []publication.Link) {
	l.askers++
	h := l.net.NewHost(fmt.Sprint("asker ", l.askers))
	conn := h.Conn()
	h.Plug(l.segment, netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(100 + l.askers)}), 24))
	return conn, h.Links()
}

// host adds a host that answers questions as configured, by multicast and at once.
func (l *lab) host(addr string, answer func(wire.Message) []mdns.Record) *memlink.Host {
	h := l.net.NewHost(addr)
	h.OnPacket(func(p link.Packet) {
		m, err := wire.Decode(p.Data)
		if err != nil || m.Response() {
			return
		}
		l.mu.Lock()
		records := answer(m)
		l.mu.Unlock()
		if len(records) > 0 {
			h.Send(response(h, records...))
		}
	})
	h.Plug(l.segment, netip.MustParsePrefix(addr))
	return h
}

func response(h *memlink.Host, records ...mdns.Record) link.Packet {
	m := wire.Message{Header: wire.Header{Flags: wire.FlagResponse | wire.FlagAuthority}, Answers: records}
	data, _ := m.Encode(messageSize)
	return link.Packet{Data: data, Link: h.Links()[0].Index, To: mdns.Group4}
}

// engine adds a host with our engine, and waits until it has announced everything for good. change has it announce other groups.
func (l *lab) engine(t *testing.T, name, addr string, groups ...services.Group) (change func(groups ...services.Group), port *memlink.Port) {
	t.Helper()
	h := l.net.NewHost(name)
	conn := h.Conn()
	port = h.Plug(l.segment, netip.MustParsePrefix(addr))
	p := native.New(native.Config{Conn: conn, Log: slog.New(slog.DiscardHandler), Seed: [2]uint64{1, 2}})
	t.Cleanup(func() { p.Close(context.Background()) })
	change = func(groups ...services.Group) {
		d := publication.Desired{Host: name, Links: h.Links()}
		for _, g := range groups {
			d.Groups = append(d.Groups, publication.Publication{ID: g.Name, Group: g})
		}
		if err := p.Apply(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
	}
	change(groups...)
	return change, port
}

// listen notes the questions of the asker.
func (l *lab) listen() {
	l.host("192.0.2.99/24", func(m wire.Message) []mdns.Record {
		l.heard = append(l.heard, heard{time.Now(), m})
		return nil
	})
}

// look returns what the asker finds in a time.
func (l *lab) look(t *testing.T, d time.Duration) []Entry {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	conn, links := l.asker()
	all, err := find(ctx, conn, []Question{sipLocal}, links)
	if err != nil {
		t.Error(err)
	}
	synctest.Wait() // for the hosts
	return all
}

func group(name string, typ dnsname.Name, port uint16, txt ...string) services.Group {
	return services.Group{Name: name, Services: []services.Service{{Type: typ, Port: port, TXT: txt}}}
}

func records(ttl uint32) (ptr, srv, txt, a mdns.Record) {
	ptr = mdns.Record{Name: desk.Parent(), TTL: ttl, Data: mdns.PTR{Target: desk}}
	srv = mdns.Record{Name: desk, TTL: ttl, Unique: true, Data: mdns.SRV{Port: 5060, Target: pbx}}
	txt = mdns.Record{Name: desk, TTL: ttl, Unique: true, Data: mdns.NewTXT("v=1")}
	a = mdns.Record{Name: pbx, TTL: ttl, Unique: true, Data: mdns.Address{Addr: netip.MustParseAddr("192.0.2.1")}}
	return ptr, srv, txt, a
}

func TestEveryNameAndTXTIsFound(t *testing.T) {
	names := []string{"PBX", "Front.desk 2, left", `C:\new\100`, "Büro (2); x@y \"z\" 'w'", "ctrl\x01\x7f", "Phones Ltd.", ".dot"}
	txt := services.TXT{"a=1", `path=C:\new\100`, "ü=ö", "bin=\x00\x01\xff", "flag", "empty="}
	inLab(t, func(t *testing.T, l *lab) {
		var groups []services.Group
		for _, name := range names {
			groups = append(groups, group(name, sip, 5060, txt...))
		}
		groups = append(groups, group("no TXT", sip, 5060))
		l.engine(t, "pbx", "192.0.2.1/24", groups...)
		got := map[string]Entry{}
		for _, e := range l.look(t, 2*time.Second) {
			got[e.Instance] = e
		}
		for _, name := range append(names, "no TXT") {
			want := Entry{Link: "eth0", Instance: name, Type: sip, Domain: local, Host: pbx, Port: 5060, TXT: txt,
				Addrs: addrs("192.0.2.1"), From: []Sender{{Addr: netip.MustParseAddr("192.0.2.1")}}}
			if name == "no TXT" {
				want.TXT = services.TXT{}
			}
			if diff := cmp.Diff(want, got[name], cmpText); diff != "" {
				t.Errorf("%q (-want +got):\n%s", name, diff)
			}
		}
		if len(got) != len(names)+1 {
			t.Errorf("found %d services; want %d", len(got), len(names)+1)
		}
	})
}

// A thousand services come in many packets, and what is known goes with the second question.
func TestAThousandServices(t *testing.T) {
	inLab(t, func(t *testing.T, l *lab) {
		var groups []services.Group
		for i := range 1000 {
			groups = append(groups, group(fmt.Sprintf("Extension %d", i), sip, 5060))
		}
		l.engine(t, "pbx", "192.0.2.1/24", groups...)
		if n := len(l.look(t, 3*time.Second)); n != 1000 {
			t.Errorf("found %d services; want 1000", n)
		}
	})
}

// Each of the records comes only if it is asked for by name.
func TestWhatAnAnswerLacksIsAskedFor(t *testing.T) {
	ptr, srv, txt, a := records(120)
	inLab(t, func(t *testing.T, l *lab) {
		l.host("192.0.2.1/24", func(m wire.Message) (answers []mdns.Record) {
			for _, q := range m.Questions {
				for _, r := range []mdns.Record{ptr, srv, txt, a} {
					if q.Name.Equal(r.Name) && q.Type == r.Data.Type() {
						answers = append(answers, r)
					}
				}
			}
			return answers
		})
		got := l.look(t, time.Second)
		if len(got) != 1 || got[0].Port != 5060 || !slices.Equal(got[0].TXT, services.TXT{"v=1"}) || !slices.Equal(got[0].Addrs, addrs("192.0.2.1")) {
			t.Errorf("found %+v; want the desk, whole", got)
		}
	})
}

func TestRivalsAreToldApart(t *testing.T) {
	ptr, srv, txt, a := records(120)
	inLab(t, func(t *testing.T, l *lab) {
		for i, host := range []string{"192.0.2.1/24", "192.0.2.2/24", "192.0.2.3/24"} {
			other := srv
			other.Data = mdns.SRV{Port: uint16(5060 + i/2), Target: pbx} // the first two say the same
			l.host(host, func(wire.Message) []mdns.Record { return []mdns.Record{ptr, other, txt, a} })
		}
		var got []string
		for _, e := range l.look(t, 2*time.Second) {
			got = append(got, fmt.Sprint(e.Port, e.From))
		}
		if want := []string{"5060 [192.0.2.1 192.0.2.2]", "5061 [192.0.2.3]"}; !slices.Equal(got, want) {
			t.Errorf("found %q; want %q", got, want)
		}
	})
}

func TestWhatIsGoneOrOldIsNotFound(t *testing.T) {
	for name, test := range map[string]struct {
		ttl  uint32
		then func(l *lab, h *memlink.Host)
	}{
		"a goodbye": {120, func(l *lab, h *memlink.Host) {
			ptr, srv, txt, _ := records(0)
			h.Send(response(h, ptr, srv, txt))
		}},
		"a TTL that is over": {1, func(*lab, *memlink.Host) {}},
	} {
		t.Run(name, func(t *testing.T) {
			inLab(t, func(t *testing.T, l *lab) {
				ptr, srv, txt, a := records(test.ttl)
				once := false
				h := l.host("192.0.2.1/24", func(wire.Message) []mdns.Record {
					if once {
						return nil
					}
					once = true
					return []mdns.Record{ptr, srv, txt, a}
				})
				time.AfterFunc(500*time.Millisecond, func() { test.then(l, h) })
				if got := l.look(t, 3*time.Second); len(got) > 0 || !once {
					t.Errorf("found %+v; want nothing, after an answer", got)
				}
			})
		})
	}
}

func TestTheLatestRecordCounts(t *testing.T) {
	ptr, srv, txt, a := records(120)
	inLab(t, func(t *testing.T, l *lab) {
		h := l.host("192.0.2.1/24", func(wire.Message) []mdns.Record { return []mdns.Record{ptr, srv, txt, a} })
		time.AfterFunc(2500*time.Millisecond, func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			srv.Data = mdns.SRV{Port: 5070, Target: pbx}
			txt.Data = mdns.NewTXT("v=2")
			h.Send(response(h, srv, txt))
		})
		got := l.look(t, 3*time.Second)
		if len(got) != 1 || got[0].Port != 5070 || !slices.Equal(got[0].TXT, services.TXT{"v=2"}) {
			t.Errorf("found %+v; want the desk on port 5070 with v=2", got)
		}
	})
}

// RFC 6762 §5.2: after a second, then after twice as long each time; §7.1: with what is known.
func TestQuestionsAreAskedAgain(t *testing.T) {
	ptr, srv, txt, a := records(4500)
	inLab(t, func(t *testing.T, l *lab) {
		l.listen()
		l.host("192.0.2.1/24", func(wire.Message) []mdns.Record { return []mdns.Record{ptr, srv, txt, a} })
		began := time.Now()
		l.look(t, 8*time.Second)
		var pauses []time.Duration
		for i, h := range l.heard[1:] {
			pauses = append(pauses, h.at.Sub(l.heard[i].at).Round(10*time.Millisecond))
			if len(h.Questions) != 1 || len(h.Answers) != 1 || h.Answers[0].Data != ptr.Data {
				t.Errorf("question %d is %+v; want the type and the instance that is known", i+2, h.Message)
			}
		}
		if want := []time.Duration{time.Second, 2 * time.Second, 4 * time.Second}; !slices.Equal(pauses, want) {
			t.Errorf("asked again after %v; want %v", pauses, want)
		}
		if first := l.heard[0].at.Sub(began); first < startDelay || first > startDelay+startJitter+5*time.Millisecond {
			t.Errorf("first asked after %v; want %v to %v", first, startDelay, startDelay+startJitter)
		}
	})
}

func TestResolve(t *testing.T) {
	inLab(t, func(t *testing.T, l *lab) {
		l.engine(t, "pbx", "192.0.2.1/24", group(`a.b c\d ü`, sip, 5060, "v=1"))
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		conn, links := l.asker()
		e, err := resolve(ctx, conn, `A.b c\d ü`, sipLocal, links)
		if err != nil || e.Host != pbx || e.Port != 5060 || !slices.Equal(e.TXT, services.TXT{"v=1"}) || !slices.Equal(e.Addrs, addrs("192.0.2.1")) {
			t.Errorf("resolved %+v, %v", e, err)
		}
		if d := time.Since(began); d > time.Second {
			t.Errorf("it took %v; want no more than the answers", d)
		}
		conn, links = l.asker()
		if e, err := resolve(ctx, conn, "nobody", sipLocal, links); err == nil || !strings.Contains(err.Error(), `"nobody"`) {
			t.Errorf("resolving nobody gives %+v, %v", e, err)
		}
	})
}

func TestTypes(t *testing.T) {
	inLab(t, func(t *testing.T, l *lab) {
		l.engine(t, "pbx", "192.0.2.1/24", group("a", sip, 1), group("b", sip, 2), group("c", dnsname.MustParse("_http._tcp"), 80))
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		conn, links := l.asker()
		all, err := types(ctx, conn, local, links)
		var got []string
		for _, typ := range all {
			got = append(got, typ.Name.String())
		}
		if want := []string{"_http._tcp", "_sip._udp"}; err != nil || !slices.Equal(got, want) {
			t.Errorf("the types are %q, %v; want %q", got, err, want)
		}
	})
}

func TestLinksThatCannotBeAskedOn(t *testing.T) {
	inLab(t, func(t *testing.T, l *lab) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		conn, _ := l.asker()
		if _, err := find(ctx, conn, []Question{sipLocal}, nil); err == nil {
			t.Error("no link at all is no error")
		}
		conn, links := l.asker()
		bad := []publication.Link{{Index: 77, Name: "bare0"}, {Index: 78, Name: "gone0", Addrs: links[0].Addrs}}
		_, err := find(ctx, conn, []Question{sipLocal}, append(bad, links...))
		if err == nil || !strings.Contains(err.Error(), "bare0 can't be asked on: it has no address") || !strings.Contains(err.Error(), "gone0 can't be asked on") {
			t.Errorf("the error is %v; want it to name both links", err)
		}
	})
}

// What a hostile network can make a cache hold is bounded.
func TestTheCacheIsBounded(t *testing.T) {
	v := newCache(publication.Link{})
	v.now = time.Now()
	for i := range cacheMost + 1000 {
		name, _ := local.Child(fmt.Sprint("host", i))
		v.note(mdns.Record{Name: name, TTL: 120, Data: mdns.Address{Addr: netip.MustParseAddr("192.0.2.1")}}, netip.Addr{})
	}
	if v.size > cacheMost || len(v.records) > cacheMost {
		t.Errorf("it holds %d records under %d names; want at most %d", v.size, len(v.records), cacheMost)
	}
}

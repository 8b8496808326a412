package responder

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/mdns/wire"
	"announcer/internal/publication"
)

// watching returns a host that announces and watches its type, and that no other host knows of yet.
func watching(t *testing.T, pubs ...publication.Publication) (*lab, *host) {
	l := newLab(t)
	h := l.host("pbx", ethernet("192.0.2.1/24", "fe80::1/64"))
	h.Apply(l.time(), publication.Desired{Host: h.name, Links: h.links, Groups: pubs, Watched: []dnsname.Name{dnsname.MustParse(sips)}})
	h.tick()
	l.run(10 * time.Second)
	h.Events()
	l.mark()
	return l, h
}

func isQuestion(s sent) bool { return !s.msg.Response() && len(s.msg.Authority) == 0 }

// foreign returns the services of others, as "NAME from ADDRESS", and "own" behind those of this host.
func (h *host) foreign() string {
	var all []string
	for _, x := range h.Foreign() {
		words := fmt.Sprintf("%s from %s", x.Name, x.From)
		if x.Own {
			words += " own"
		}
		all = append(all, words)
	}
	return strings.Join(all, ", ")
}

// Questions for a type that is watched are reported, whether it is published or not.
func TestAsked(t *testing.T) {
	subtype := sip("Desk", 5060)
	subtype.Group.Services[0].Subtypes = []dnsname.Name{dnsname.MustParse("_desk._sub._sip._udp")}
	for _, c := range []struct {
		name string
		pubs []publication.Publication
		src  netip.AddrPort
		ask  string
		kind mdns.Type
		want string
	}{
		{"published", []publication.Publication{sip("Desk", 5060)}, stranger, strings.ToUpper(sips), mdns.TypePTR, "192.0.2.99 _sip._udp eth0 answered=true own=false"},
		{"not published", nil, stranger, sips, mdns.TypeANY, "192.0.2.99 _sip._udp eth0 answered=false own=false"},
		{"a subtype", []publication.Publication{subtype}, stranger, "_desk._sub." + sips, mdns.TypePTR, "192.0.2.99 _sip._udp eth0 answered=true own=false"},
		{"by a program without multicast DNS", nil, netip.MustParseAddrPort("192.0.2.99:40000"), sips, mdns.TypePTR, "192.0.2.99 _sip._udp eth0 answered=false own=false"},
		{"by this host", nil, netip.MustParseAddrPort("192.0.2.1:5353"), sips, mdns.TypePTR, "192.0.2.1 _sip._udp eth0 answered=false own=true"},
		{"for another record", nil, stranger, sips, mdns.TypeA, ""},
		{"for another type", nil, stranger, "_ipp._tcp.local", mdns.TypePTR, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, h := watching(t, c.pubs...)
			h.asked = nil
			l.hear(c.src, query(ask(c.ask, c.kind), ask("other.local", mdns.TypeA)))
			var got []string
			for _, a := range h.asked {
				got = append(got, fmt.Sprintf("%s %s %s answered=%t own=%t", a.From, a.Type, a.Link, a.Answered, a.Own))
			}
			if strings.Join(got, "; ") != c.want {
				t.Errorf("asked: %q, want %q", got, c.want)
			}
		})
	}
}

// A type is asked for three times on each link, then no more, and again on a link that is new.
func TestSurvey(t *testing.T) {
	l := newLab(t)
	h := l.host("pbx", ethernet("192.0.2.1/24"))
	watched := []dnsname.Name{dnsname.MustParse(sips)}
	apply := func() {
		h.Apply(l.time(), publication.Desired{Host: h.name, Links: h.links, Watched: watched})
		h.tick()
	}
	apply()
	l.run(time.Hour)
	asked := l.of(h, isQuestion)
	if at := times(asked); !near(at, 10*ms, time.Second, 2*time.Second) || at[0] < 20*ms || at[0] > 120*ms {
		t.Errorf("asked at %v", at)
	}
	l.mark()
	apply()
	l.run(time.Minute)
	if n := len(l.of(h, isQuestion)); n > 0 {
		t.Errorf("asked %d times more though nothing is new", n)
	}
	second := ethernet("198.51.100.1/24")
	second.Index, second.Name = 3, "eth1"
	h.links = append(h.links, second)
	apply()
	l.run(time.Minute)
	if at := l.of(h, func(s sent) bool { return isQuestion(s) && s.Link == 3 }); len(at) != surveyTimes || len(l.of(h, isQuestion)) != surveyTimes {
		t.Errorf("on the new link %d questions", len(at))
	}
}

// What a program of this host asks in our words is a question all the same, and our own question names our answers.
func TestSurveyHidesNobody(t *testing.T) {
	l := newLab(t)
	h := l.host("pbx", ethernet("192.0.2.1/24"))
	desired := publication.Desired{Host: h.name, Links: h.links, Groups: []publication.Publication{sip("Desk", 5060)}, Watched: []dnsname.Name{dnsname.MustParse(sips)}}
	h.Apply(l.time(), desired)
	h.tick()
	l.run(3500 * ms)
	asked := l.of(h, isQuestion)
	if len(asked) != surveyTimes {
		t.Fatalf("%d questions", len(asked))
	}
	if got := brief(asked[surveyTimes-1].msg.Answers); !slices.Equal(got, []string{sips + " PTR " + desk}) {
		t.Errorf("known answers: %q", got)
	}
	if len(h.asked) > 0 {
		t.Errorf("its own question is taken for somebody else's: %v", h.asked)
	}
	l.run(2 * time.Second)
	l.mark()
	l.hear(netip.MustParseAddrPort("192.0.2.1:5353"), asked[0].msg)
	l.run(time.Second)
	if len(h.asked) != 1 || len(l.of(h, isResponse)) != 1 {
		t.Errorf("asked %v, %d answers", h.asked, len(l.sent))
	}
}

// Who else announces the type is known from its first word to its goodbye, and each is reported.
func TestForeign(t *testing.T) {
	l, h := watching(t, sip("Desk", 5060))
	other := "Other." + sips
	l.hear(stranger, response(record(sips, 4500, false, ptr(other)), record("_ipp._tcp.local", 4500, false, ptr("Printer._ipp._tcp.local"))))
	l.hear(netip.MustParseAddrPort("[fe80::99]:5353"), response(record(sips, 4500, false, ptr(strings.ToUpper(other)))))
	l.hear(stranger, response(record(sips, 4500, false, ptr(desk)))) // ours
	if got := h.foreign(); got != "Other from 192.0.2.99" {
		t.Errorf("others: %s", got)
	}
	l.hear(stranger, response(record(sips, 0, false, ptr(other))))
	l.run(900 * ms)
	if got := h.foreign(); got == "" {
		t.Error("forgotten before the goodbye could be taken back")
	}
	l.run(200 * ms)
	if got := h.foreign(); got != "" {
		t.Errorf("after the goodbye: %s", got)
	}
	var events []string
	for _, e := range h.Events() {
		events = append(events, fmt.Sprintf("%s %s %s %s %s", e.Kind, e.Name, e.Type, e.Link, e.Rival))
	}
	want := []string{"foreign Other _sip._udp eth0 192.0.2.99", "foreign gone Other _sip._udp eth0 192.0.2.99"}
	if !slices.Equal(events, want) {
		t.Errorf("events %q, want %q", events, want)
	}
}

// Who does not answer any more is forgotten at the end of the life of its record, having been asked twice.
func TestForeignExpires(t *testing.T) {
	l, h := watching(t)
	l.hear(stranger, response(record(sips, 100, false, ptr("Other."+sips))))
	l.run(99 * time.Second)
	asked := l.of(h, func(s sent) bool { return isQuestion(s) && s.Version == publication.V4 })
	if at := times(asked); !near(at, 10*ms, 10*time.Second) || h.foreign() == "" {
		t.Errorf("asked at %v, others %q", at, h.foreign())
	}
	l.hear(stranger, response(record(sips, 100, false, ptr("Other."+sips))))
	l.run(99 * time.Second)
	if h.foreign() == "" {
		t.Error("forgotten though it answered")
	}
	l.run(2 * time.Second)
	if got := h.foreign(); got != "" {
		t.Errorf("still known: %s", got)
	}
}

// Another program of this host that announces the very same is reported as such.
func TestForeignOnThisHost(t *testing.T) {
	l, h := watching(t, sip("Desk", 5060))
	h.SharePort(true)
	l.hear(netip.MustParseAddrPort("192.0.2.1:5353"), response(record(sips, 4500, false, ptr(desk))))
	if got := h.foreign(); got != "Desk from 192.0.2.1 own" {
		t.Errorf("others: %s", got)
	}
	if e := h.Events(); len(e) != 1 || e[0].Detail != "another program of this host announces this very service" {
		t.Errorf("events %v", e)
	}
}

// Another program of this host that says what we say, in our words, is reported as such, though it was unknown before.
func TestForeignInOurWords(t *testing.T) {
	l := newLab(t)
	for range 2 {
		h := l.host("pbx", ethernet("192.0.2.1/24"))
		h.Apply(l.time(), publication.Desired{
			Host: h.name, Links: h.links, Groups: []publication.Publication{sip("Desk", 5060)}, Watched: []dnsname.Name{dnsname.MustParse(sips)},
		})
		h.tick()
		l.run(5 * time.Second)
	}
	for i, h := range l.hosts {
		if got := h.foreign(); got != "Desk from 192.0.2.1 own" {
			t.Errorf("program %d knows of others: %q", i, got)
		}
		if got := h.Stats().Conflicts; got > 0 {
			t.Errorf("program %d has %d conflicts", i, got)
		}
	}
}

// A flood of names fills a table of a fixed size, and nothing of it stays when the type is watched no more. A real announcer is
// known before, during and after the flood, and that there were more is counted.
func TestForeignFlood(t *testing.T) {
	rogue := netip.MustParseAddrPort("192.0.2.77:5353")
	announce := response(record(sips, 4500, false, ptr("Rogue."+sips)))
	invents := func(i int) wire.Message {
		return response(record(sips, 4500, false, ptr(fmt.Sprintf("x%d.%s", i, sips))))
	}
	one := func(int) netip.AddrPort { return stranger }
	for _, test := range []struct {
		name   string
		source func(i int) netip.AddrPort
		when   int // the rogue announces itself after so many inventions
		most   int
	}{
		{"one source, announcer before", one, 0, foreignEach + 1},
		{"one source, announcer after", one, 10 * foreignMost, foreignEach + 1},
		{"many sources, announcer before", crowd, 0, foreignMost},
		{"many sources, announcer between", crowd, 5 * foreignMost, foreignMost},
		{"many sources, announcer after", crowd, 10 * foreignMost, foreignMost},
	} {
		t.Run(test.name, func(t *testing.T) {
			l, h := watching(t)
			for i := range 10*foreignMost + 1 {
				if i == test.when {
					l.hear(rogue, announce)
					l.run(steady) // each record is announced twice at least (RFC 6762 §8.3)
					l.hear(rogue, announce)
				}
				l.hear(test.source(i), invents(i))
			}
			known := h.Foreign()
			if len(known) != test.most || !slices.ContainsFunc(known, func(f mdns.Foreign) bool { return f.Name == "Rogue" }) {
				t.Errorf("%d are known, want %d with the rogue", len(known), test.most)
			}
			if h.Crowded() == 0 {
				t.Error("that there were more is not counted")
			}
			h.apply()
			if n := len(h.Foreign()) + len(h.others.ends.items) + len(h.others.topics) + len(h.others.surveys.items); n != 0 {
				t.Errorf("%d things are left", n)
			}
		})
	}
}

// The packets of each link are counted by what they are.
func TestTraffic(t *testing.T) {
	l, h := watching(t, sip("Desk", 5060))
	before := h.Traffic()[0]
	if before.Link != "eth0" || before.Probes != 6 || before.Questions != 6 || before.Answers < 4 || before.Received != 0 || !before.Heard.IsZero() {
		t.Errorf("%+v", before)
	}
	l.now += time.Minute
	l.hear(stranger, query(ask(sips, mdns.TypePTR), askQU(desk, mdns.TypeSRV)))
	l.run(time.Second)
	if got := h.Traffic()[0]; got.Received != 1 || !got.Heard.Equal(l.time().Add(-time.Second)) || got.Answers != before.Answers+1 || got.Unicasts != before.Unicasts {
		t.Errorf("%+v after %+v", got, before)
	}
}

// A name that was lost to an address of this host is regained as soon as it is known that another program of this host has
// the port.
func TestNameIsHadBackFromThisHost(t *testing.T) {
	for _, c := range []struct {
		name  string
		src   string
		rival mdns.Record
	}{
		{"a service, by IPv4", "192.0.2.1", record(desk, 120, true, srv(9, "x.local"))},
		{"a service, by IPv6", "fe80::1", record(desk, 120, true, srv(9, "x.local"))},
		{"the host", "192.0.2.1", record("pbx.local", 120, true, addr("192.0.2.77"))},
	} {
		for _, policy := range []publication.Policy{publication.Rename, publication.Fail} {
			t.Run(fmt.Sprintf("%s, %v", c.name, policy), func(t *testing.T) {
				l := newLab(t)
				h := l.host("pbx", dual())
				h.apply(with(sip("Desk", 5060), policy))
				l.run(10 * time.Second)
				src := netip.AddrPortFrom(netip.MustParseAddr(c.src), mdns.Port)
				for range 3 {
					l.hear(src, response(c.rival))
					l.run(400 * ms)
				}
				l.run(2 * time.Second)
				if h.state() == "Desk announced" && h.Responder.host == "pbx" {
					t.Fatal("the name was not lost")
				}
				h.SharePort(true)
				h.apply(with(sip("Desk", 5060), policy))
				for range 10 {
					l.run(200 * ms)
					l.hear(src, response(c.rival))
				}
				if got := h.state() + " on " + h.Responder.host; got != "Desk announced on pbx" {
					t.Error(got)
				}
			})
		}
	}
}

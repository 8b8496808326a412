package conformance

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/mdns/dnstext"
	"announcer/internal/mdns/link"
	"announcer/internal/publication"
	"announcer/services"
)

// flush is the cache-flush bit of a record's class, and the QU bit of a question's (RFC 6762 §10.2, §5.4).
const flush = 1 << 15

// legacyPort is the other port that the suite sends from.
const legacyPort = 40000

// settling is how long the announcements of a new service take, with room for slow ones (RFC 6762 §8.3).
const settling = 8500 * time.Millisecond

// patience is how long an answer is waited for that should come at once or within some hundred milliseconds.
const patience = 1500 * time.Millisecond

// packet is a packet of the responder, read.
type packet struct {
	Heard
	*dns.Msg
}

// bench is what a check works with.
type bench struct {
	lab   Lab
	facts Facts
	v     publication.IPVersion
	slack time.Duration

	setup Setup
	began time.Time // the responder was started
}

func newBench(lab Lab, v publication.IPVersion) *bench {
	facts := lab.Facts()
	return &bench{lab: lab, facts: facts, v: v, slack: facts.Slack}
}

func (b *bench) failf(format string, args ...any) {
	panic(verdict{Fail, fmt.Sprintf(format, args...)})
}

func (b *bench) skipf(format string, args ...any) {
	panic(verdict{NotApplicable, fmt.Sprintf(format, args...)})
}

// must ends the check where the lab can't do what is asked of it.
func (b *bench) must(what string, err error) {
	switch {
	case errors.Is(err, ErrUnsupported):
		b.skipf("%s: %v", what, err)
	case err != nil:
		b.failf("failed to %s: %v", what, err)
	}
}

// start starts the responder with services.
func (b *bench) start(groups ...services.Group) {
	b.setup = Setup{Host: hostLabel, Groups: groups}
	b.must("start the responder", b.lab.Start(b.setup))
	b.began = b.lab.Now()
}

// settle starts the responder with services and waits until it has announced them for the last time.
func (b *bench) settle(groups ...services.Group) {
	b.start(groups...)
	b.await(groups...)
	b.listen(settling)
}

// awaitAnnouncement waits until the desk is announced and returns all that was heard until then.
func (b *bench) awaitAnnouncement() []packet { return b.await(desk()) }

// await waits until services are announced and returns all that was heard until then.
func (b *bench) await(groups ...services.Group) []packet {
	missing := map[string]bool{}
	for _, g := range groups {
		missing[strings.ToLower(instanceOf(g))] = true
	}
	var heard []packet
	for end := b.lab.Now().Add(20 * time.Second); len(missing) > 0; {
		p, ok := b.next(end)
		if !ok {
			b.failf("%d of %d services are not announced within 20 s; heard %s", len(missing), len(groups), describe(heard))
		}
		heard = append(heard, p)
		for _, f := range answers([]packet{p}) {
			if f.Header().Rrtype == dns.TypeSRV && f.Header().Ttl > 0 {
				delete(missing, strings.ToLower(f.Header().Name))
			}
		}
	}
	return heard
}

// next waits for a packet of the IP version that the check is about.
func (b *bench) next(until time.Time) (packet, bool) {
	for {
		p, ok := b.nextOfAny(until)
		if !ok || p.Version() == b.v {
			return p, ok
		}
	}
}

// nextOfAny waits for a packet of any IP version. One that can't be read fails every check.
func (b *bench) nextOfAny(until time.Time) (packet, bool) {
	h, ok := b.lab.Next(until)
	if !ok {
		return packet{}, false
	}
	m := new(dns.Msg)
	if err := m.Unpack(h.Data); err != nil {
		b.failf("a packet can't be read: %v: %x", err, h.Data)
	}
	return packet{h, m}, true
}

// listen returns what is heard in a time.
func (b *bench) listen(d time.Duration) []packet {
	return b.each(d, func(packet) {})
}

// each calls f for what is heard in a time, and returns it all.
func (b *bench) each(d time.Duration, f func(packet)) []packet {
	var heard []packet
	for end := b.lab.Now().Add(d); ; {
		p, ok := b.next(end)
		if !ok {
			return heard
		}
		f(p)
		heard = append(heard, p)
	}
}

// peer returns the address of a host that the suite plays, by number.
func (b *bench) peer(i int) netip.AddrPort {
	var of []netip.Addr
	for _, a := range b.facts.Peers {
		if a.Is4() == (b.v == publication.V4) {
			of = append(of, a)
		}
	}
	return netip.AddrPortFrom(of[i], mdns.Port)
}

// remote returns the address of a host that is not on the link.
func (b *bench) remote() netip.AddrPort {
	for _, a := range b.facts.Remote {
		if a.Is4() == (b.v == publication.V4) {
			return netip.AddrPortFrom(a, mdns.Port)
		}
	}
	b.skipf("there is no host off the link")
	return netip.AddrPort{}
}

// responder returns the responder's own address, one that is not link-local where it has any.
func (b *bench) responder() netip.AddrPort {
	i := slices.IndexFunc(b.facts.Responder, func(p netip.Prefix) bool {
		return p.Addr().Is4() == (b.v == publication.V4) && !p.Addr().IsLinkLocalUnicast()
	})
	if i < 0 {
		b.skipf("the responder has no address by IPv%d", b.v)
	}
	return netip.AddrPortFrom(b.facts.Responder[i].Addr(), mdns.Port)
}

// send sends a message.
func (b *bench) send(from, to netip.AddrPort, m *dns.Msg) {
	m.Compress = true
	data, err := m.Pack()
	if err != nil {
		panic(fmt.Sprintf("conformance: a message of the suite is wrong: %v\n%v", err, m))
	}
	b.sendRaw(from, to, data)
}

func (b *bench) sendRaw(from, to netip.AddrPort, data []byte) {
	b.must("send", b.lab.Send(link.Packet{Data: data, From: from, To: to}))
}

func (b *bench) group() netip.AddrPort { return mdns.Group(b.v) }

// ask sends a query by multicast from the first peer.
func (b *bench) ask(m *dns.Msg) { b.send(b.peer(0), b.group(), m) }

// respond sends a response by multicast from the first peer.
func (b *bench) respond(records ...dns.RR) { b.send(b.peer(0), b.group(), response(records...)) }

// answerTo asks and returns what is heard until patience is over.
func (b *bench) answerTo(m *dns.Msg) []packet {
	b.ask(m)
	return b.listen(patience)
}

// expect returns the first record of a name and type among found ones, or fails.
func (b *bench) expect(all []found, name string, kind uint16) found {
	of := find(all, name, kind)
	if len(of) == 0 {
		b.failf("no %s record of %s; heard %s", dns.TypeToString[kind], name, describeFound(all))
	}
	return of[0]
}

// expectNothing fails where records of a name and type are among found ones.
func (b *bench) expectNothing(all []found, name string, kind uint16) {
	if of := find(all, name, kind); len(of) > 0 {
		b.failf("heard %s", describeFound(of))
	}
}

// after fails where what follows an act of the suite does not come between two times. A slow machine makes it late,
// never early.
func (b *bench) after(what string, d, low, high time.Duration) {
	if d < low || d > high+b.slack {
		b.failf("%s after %v; want %v to %v", what, d.Round(100*time.Microsecond), low, high)
	}
}

// within fails where the time between two acts of the responder is not between two, give or take the slack.
func (b *bench) within(what string, d, low, high time.Duration) {
	if d < low-b.slack || d > high+b.slack {
		b.failf("%s after %v; want %v to %v", what, d.Round(100*time.Microsecond), low, high)
	}
}

// found is a record with its place.
type found struct {
	dns.RR
	packet packet
}

// records returns the records in the answer and additional sections of responses.
func records(packets []packet) []found {
	var all []found
	for _, p := range packets {
		if p.Response {
			for _, rr := range slices.Concat(p.Answer, p.Extra) {
				all = append(all, found{rr, p})
			}
		}
	}
	return all
}

// answers returns the records in the answer sections of responses.
func answers(packets []packet) []found {
	var all []found
	for _, p := range packets {
		if p.Response {
			for _, rr := range p.Answer {
				all = append(all, found{rr, p})
			}
		}
	}
	return all
}

// find returns the records of a name and type, goodbyes left out.
func find(all []found, name string, kind uint16) []found {
	return slices.DeleteFunc(findAll(all, name, kind), func(f found) bool { return f.Header().Ttl == 0 })
}

// goodbyes returns the records of a name and type whose TTL is 0.
func goodbyes(all []found, name string, kind uint16) []found {
	return slices.DeleteFunc(findAll(all, name, kind), func(f found) bool { return f.Header().Ttl != 0 })
}

func findAll(all []found, name string, kind uint16) []found {
	var of []found
	for _, f := range all {
		if f.Header().Rrtype == kind && strings.EqualFold(f.Header().Name, name) {
			of = append(of, f)
		}
	}
	return of
}

// pointing leaves the PTR records that point to a name.
func pointing(all []found, target string) []found {
	return slices.DeleteFunc(slices.Clone(all), func(f found) bool { return !pointsTo(f.RR, target) })
}

func pointsTo(rr dns.RR, target string) bool {
	ptr, ok := rr.(*dns.PTR)
	return ok && strings.EqualFold(ptr.Ptr, target)
}

// probes returns the packets that probe for a name.
func probes(packets []packet, name string) []packet {
	var of []packet
	for _, p := range packets {
		if isProbe(p, name) {
			of = append(of, p)
		}
	}
	return of
}

func isProbe(p packet, name string) bool {
	return !p.Response && len(p.Ns) > 0 && slices.ContainsFunc(p.Question, func(q dns.Question) bool {
		return strings.EqualFold(q.Name, name)
	})
}

// responses leaves the responses.
func responses(packets []packet) []packet {
	return slices.DeleteFunc(slices.Clone(packets), func(p packet) bool { return !p.Response })
}

// describe reports what was heard, for people.
func describe(packets []packet) string {
	if len(packets) == 0 {
		return "nothing"
	}
	var lines []string
	for _, p := range packets[:min(len(packets), 6)] {
		lines = append(lines, describePacket(p))
	}
	if len(packets) > 6 {
		lines = append(lines, fmt.Sprintf("and %d more packets", len(packets)-6))
	}
	return strings.Join(lines, "; ")
}

func describePacket(p packet) string {
	var parts []string
	for _, q := range p.Question {
		parts = append(parts, "question "+q.Name+" "+dns.TypeToString[q.Qtype])
	}
	for _, rr := range slices.Concat(p.Answer, p.Ns, p.Extra) {
		parts = append(parts, strings.Join(strings.Fields(rr.String()), " "))
	}
	if len(parts) > 5 {
		parts = append(parts[:5], fmt.Sprintf("%d more", len(parts)-5))
	}
	return fmt.Sprintf("at %s to %v: %s", p.At.Format("05.000"), p.To, strings.Join(parts, ", "))
}

func describeFound(all []found) string {
	var packets []packet
	for _, f := range all {
		if len(packets) == 0 || packets[len(packets)-1].Msg != f.packet.Msg {
			packets = append(packets, f.packet)
		}
	}
	return describe(packets)
}

// Names and services that the checks use.

const (
	hostLabel   = "pbx"
	hostName    = "pbx.local."
	phoneType   = "_digiumproxy._udp"
	phoneName   = "_digiumproxy._udp.local."
	metaName    = "_services._dns-sd._udp.local."
	ptrTTL      = 4500
	hostTTL     = 120
	servicePort = 5060
)

// desk is the service of most checks.
func desk() services.Group {
	return group("Front desk", "sipUrl=sip:proxy@192.0.2.1:5060;transport=udp", "serviceType=asterisk")
}

// deskName is the name of the desk's instance.
var deskName = instanceOf(desk())

func group(name string, txt ...string) services.Group {
	return services.Group{Name: name, Services: []services.Service{
		{Type: dnsname.MustParse(phoneType), Port: servicePort, TXT: txt},
	}}
}

// many returns groups with names of their own.
func many(n int) []services.Group {
	var groups []services.Group
	for i := range n {
		groups = append(groups, group(fmt.Sprintf("Extension %d", i), fmt.Sprintf("number=%d", i), "serviceType=asterisk"))
	}
	return groups
}

// instanceOf returns the name of the instance that a group of one service has, as the library prints it.
func instanceOf(g services.Group) string {
	return dnstext.Label(g.Name) + "." + dnstext.Name(g.Services[0].Type) + "local."
}

// query makes a query with one question.
func query(name string, kind uint16) *dns.Msg { return queries(dns.Question{Name: name, Qtype: kind}) }

// queries makes a query with several questions, of class IN where none is given.
func queries(questions ...dns.Question) *dns.Msg {
	m := new(dns.Msg)
	for _, q := range questions {
		if q.Qclass == 0 {
			q.Qclass = dns.ClassINET
		}
		m.Question = append(m.Question, q)
	}
	return m
}

// unicast makes all questions of a query ask for a unicast reply.
func unicast(m *dns.Msg) *dns.Msg {
	for i := range m.Question {
		m.Question[i].Qclass |= flush
	}
	return m
}

// knowing adds known answers to a query.
func knowing(m *dns.Msg, known ...dns.RR) *dns.Msg {
	m.Answer = append(m.Answer, known...)
	return m
}

// response makes a response with answers.
func response(records ...dns.RR) *dns.Msg {
	return &dns.Msg{MsgHdr: dns.MsgHdr{Response: true, Authoritative: true}, Answer: records}
}

func header(name string, kind uint16, ttl uint32, class uint16) dns.RR_Header {
	return dns.RR_Header{Name: name, Rrtype: kind, Ttl: ttl, Class: class}
}

func ptr(name, target string, ttl uint32) *dns.PTR {
	return &dns.PTR{Hdr: header(name, dns.TypePTR, ttl, dns.ClassINET), Ptr: target}
}

func srv(name string, priority, port uint16, target string, ttl uint32) *dns.SRV {
	return &dns.SRV{Hdr: header(name, dns.TypeSRV, ttl, dns.ClassINET|flush), Priority: priority, Port: port, Target: target}
}

func txt(name string, ttl uint32, strs ...string) *dns.TXT {
	var escaped []string
	for _, s := range strs {
		escaped = append(escaped, dnstext.String(s))
	}
	return &dns.TXT{Hdr: header(name, dns.TypeTXT, ttl, dns.ClassINET|flush), Txt: escaped}
}

// address makes an A or AAAA record.
func address(name string, a netip.Addr, ttl uint32) dns.RR {
	if a.Is4() {
		return &dns.A{Hdr: header(name, dns.TypeA, ttl, dns.ClassINET|flush), A: a.AsSlice()}
	}
	return &dns.AAAA{Hdr: header(name, dns.TypeAAAA, ttl, dns.ClassINET|flush), AAAA: a.AsSlice()}
}

package diagnosis

import (
	"bytes"
	"context"
	"net/netip"
	"slices"
	"time"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/mdns/link"
	"announcer/internal/mdns/wire"
	"announcer/internal/phones"
	"announcer/internal/publication"
)

// Leg is an IP version of a link.
type Leg struct {
	Link    int // index of the interface
	Version publication.IPVersion
}

// Hearing is what was heard, and what became of what was asked.
type Hearing struct {
	Faults []link.Fault
	Sent   map[Leg]error        // nil: the question went out
	Own    map[Leg]bool         // and came back
	Heard  map[int][]netip.Addr // other hosts, by multicast, by the index of the link
	Asked  map[int][]netip.Addr // of these, those that ask for the type of the phones
}

// askAgain is when questions are asked once more: packets get lost, and hosts answer no more than once a second.
const askAgain = 1200 * time.Millisecond

// listener is one that listens.
type listener struct {
	conn     link.Conn
	sources  link.Sources
	question []byte
	own      []netip.Addr
	Hearing
}

// listen asks on some links, and listens on these and others until ctx is done.
func listen(ctx context.Context, conn link.Conn, ask, other publication.Links, own []netip.Addr) Hearing {
	defer conn.Close()
	conn.SetLinks(slices.Concat(ask, other)) // where that fails, Faults says it
	defer context.AfterFunc(ctx, conn.Wake)()
	l := listener{conn: conn, sources: link.NewSources(ask), question: question(), own: own, Hearing: Hearing{
		Sent: map[Leg]error{}, Own: map[Leg]bool{}, Heard: map[int][]netip.Addr{}, Asked: map[int][]netip.Addr{},
	}}
	l.ask(ask)
	again := time.Now().Add(askAgain)
	batch := make([]link.Packet, link.MaxBatch)
	for ctx.Err() == nil {
		n, err := conn.Read(batch, again)
		if err != nil {
			break
		}
		for _, p := range batch[:n] {
			l.hear(p)
		}
		if !again.IsZero() && !time.Now().Before(again) {
			l.ask(ask)
			again = time.Time{}
		}
	}
	l.Faults = conn.Faults()
	return l.Hearing
}

// phoneType is the type that phones ask for, in its domain.
var phoneType, _ = phones.ServiceType.Join(dnsname.Local)

// allTypes is the name that every responder answers for (RFC 6763 §9).
var allTypes = dnsname.MustParse("_services._dns-sd._udp.local")

// question returns a packet that asks for all types, and for the servers of phones.
func question() []byte {
	const ordinary = 512 // bytes that any packet may have (RFC 1035 §2.3.4)
	data, _ := wire.Message{Questions: []wire.Query{
		{Name: allTypes, Type: mdns.TypePTR}, {Name: phoneType, Type: mdns.TypePTR},
	}}.Encode(ordinary)
	return data
}

// ask asks on all links, by each IP version that they have.
func (l *listener) ask(links publication.Links) {
	for _, on := range links {
		for _, v := range publication.IPVersions() {
			if !on.Has(v) {
				continue
			}
			batch := l.sources.Append(nil, link.Packet{Data: l.question, Link: on.Index, To: mdns.Group(v)}, netip.Addr{})
			if l.conn.Write(batch) > 0 {
				l.Sent[Leg{on.Index, v}] = nil
			} else {
				l.Sent[Leg{on.Index, v}] = batch[0].Err
			}
		}
	}
}

// hear notes who sent a packet.
func (l *listener) hear(p link.Packet) {
	if p.Err != nil || !p.Multicast() {
		return
	}
	from := p.From.Addr()
	if slices.Contains(l.own, from) {
		if bytes.Equal(p.Data, l.question) {
			l.Own[Leg{p.Link, p.Version()}] = true
		}
		return
	}
	note(l.Heard, p.Link, from)
	if asksForServer(p.Data) {
		note(l.Asked, p.Link, from)
	}
}

// note adds an address, once, and no more than a thousand.
func note(hosts map[int][]netip.Addr, link int, host netip.Addr) {
	const most = 1000
	if !slices.Contains(hosts[link], host) && len(hosts[link]) < most {
		hosts[link] = append(hosts[link], host)
	}
}

// asksForServer reports whether a packet asks for the type of the phones, as phones do. What this program asks to
// see who is there asks for all types, too.
func asksForServer(data []byte) bool {
	m, err := wire.Decode(data)
	if err != nil || m.Response() || !m.Ordinary() {
		return false
	}
	asks := func(name dnsname.Name) bool {
		return slices.ContainsFunc(m.Questions, func(q wire.Query) bool {
			return q.Name.Equal(name) && (q.Type == mdns.TypePTR || q.Type == mdns.TypeANY)
		})
	}
	return asks(phoneType) && !asks(allTypes)
}

package conformance

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"announcer/internal/dnsname"
	"announcer/services"
)

var answerChecks = []Check{
	{"6762 §6", "a unique record is answered within 10 ms", func(b *bench) {
		b.settle(desk())
		asked := b.lab.Now()
		f := b.expect(answers(b.answerTo(query(deskName, dns.TypeSRV))), deskName, dns.TypeSRV)
		b.after("the answer came", f.packet.At.Sub(asked), 0, 10*time.Millisecond)
	}},
	{"6762 §6", "a shared record is answered after 20 to 120 ms", func(b *bench) {
		b.settle(desk())
		for range 5 {
			asked := b.lab.Now()
			f := b.expect(answers(b.answerTo(query(phoneName, dns.TypePTR))), phoneName, dns.TypePTR)
			b.after("the answer came", f.packet.At.Sub(asked), 20*time.Millisecond, 120*time.Millisecond)
		}
	}},
	{"6762 §6", "the delay of shared records is random", func(b *bench) {
		b.settle(desk())
		var delays []time.Duration
		for range 6 {
			asked := b.lab.Now()
			f := b.expect(answers(b.answerTo(query(phoneName, dns.TypePTR))), phoneName, dns.TypePTR)
			delays = append(delays, f.packet.At.Sub(asked))
		}
		if slices.Max(delays)-slices.Min(delays) < 5*time.Millisecond {
			b.failf("delays %v", delays)
		}
	}},
	{"6762 §6.3", "several questions are answered in one message, after 20 to 120 ms", func(b *bench) {
		b.settle(desk())
		asked := b.lab.Now()
		all := answers(b.answerTo(queries(dns.Question{Name: deskName, Qtype: dns.TypeSRV}, dns.Question{Name: hostName, Qtype: dns.TypeA},
			dns.Question{Name: phoneName, Qtype: dns.TypePTR})))
		first := b.expect(all, phoneName, dns.TypePTR)
		for _, other := range []found{b.expect(all, deskName, dns.TypeSRV), b.expect(all, hostName, dns.TypeA)} {
			if other.packet.Msg != first.packet.Msg {
				b.failf("several messages: %s", describeFound(all))
			}
		}
		b.after("the answer came", first.packet.At.Sub(asked), 20*time.Millisecond, 120*time.Millisecond)
	}},
	{"6762 §7.2", "a query with the TC bit is answered after 400 to 500 ms", func(b *bench) {
		b.settle(desk())
		m := query(phoneName, dns.TypePTR)
		m.Truncated = true
		asked := b.lab.Now()
		f := b.expect(answers(b.answerTo(m)), phoneName, dns.TypePTR)
		b.after("the answer came", f.packet.At.Sub(asked), 400*time.Millisecond, 500*time.Millisecond)
	}},
	{"6762 §7.2", "known answers in a later packet of a query with the TC bit suppress answers", func(b *bench) {
		b.settle(desk())
		m := query(phoneName, dns.TypePTR)
		m.Truncated = true
		b.ask(m)
		heard := b.listen(150 * time.Millisecond)
		b.ask(knowing(queries(), ptr(phoneName, deskName, ptrTTL)))
		heard = append(heard, b.listen(patience)...)
		b.expectNothing(answers(heard), phoneName, dns.TypePTR)
	}},
	{"6762 §7.2", "known answers of another host suppress nothing for a query with the TC bit", func(b *bench) {
		b.settle(desk())
		m := query(phoneName, dns.TypePTR)
		m.Truncated = true
		b.ask(m)
		b.listen(150 * time.Millisecond)
		b.send(b.peer(1), b.group(), knowing(queries(), ptr(phoneName, deskName, ptrTTL)))
		b.expect(answers(b.listen(patience)), phoneName, dns.TypePTR)
	}},
	{"6762 §7.1", "a known PTR record is left out", suppressed(func() (*dns.Msg, dns.RR) {
		return query(phoneName, dns.TypePTR), ptr(phoneName, deskName, ptrTTL)
	})},
	{"6762 §7.1", "a PTR record known for half of its TTL is left out", suppressed(func() (*dns.Msg, dns.RR) {
		return query(phoneName, dns.TypePTR), ptr(phoneName, deskName, ptrTTL/2)
	})},
	{"6762 §7.1", "a known SRV record is left out", func(b *bench) {
		b.settle(desk())
		b.suppresses(query(deskName, dns.TypeSRV), srv(deskName, 0, servicePort, hostName, hostTTL))
	}},
	{"6762 §7.1", "a known TXT record is left out", func(b *bench) {
		b.settle(desk())
		b.suppresses(query(deskName, dns.TypeTXT), txt(deskName, ptrTTL, desk().Services[0].TXT...))
	}},
	{"6762 §7.1", "a known address is left out", func(b *bench) {
		b.settle(desk())
		b.suppresses(query(hostName, dns.TypeA), b.addressRecord())
	}},
	{"6762 §7.1", "a record known for less than half of its TTL is answered", func(b *bench) {
		b.settle(desk())
		heard := b.answerTo(knowing(query(phoneName, dns.TypePTR), ptr(phoneName, deskName, ptrTTL/2-1)))
		b.expect(answers(heard), phoneName, dns.TypePTR)
	}},
	{"6762 §7.1", "a known record with other data does not suppress", func(b *bench) {
		b.settle(desk())
		heard := b.answerTo(knowing(query(phoneName, dns.TypePTR), ptr(phoneName, "other."+phoneName, ptrTTL)))
		b.expect(answers(heard), phoneName, dns.TypePTR)
		b.listen(time.Second)
		heard = b.answerTo(knowing(query(deskName, dns.TypeSRV), srv(deskName, 0, 9, hostName, hostTTL)))
		b.expect(answers(heard), deskName, dns.TypeSRV)
	}},
	{"6762 §7.1", "a known record of another type does not suppress", func(b *bench) {
		b.settle(desk())
		heard := b.answerTo(knowing(query(deskName, dns.TypeSRV), txt(deskName, ptrTTL, desk().Services[0].TXT...)))
		b.expect(answers(heard), deskName, dns.TypeSRV)
	}},
	{"6762 §7.1, §16", "a known record in other case is left out", suppressed(func() (*dns.Msg, dns.RR) {
		return query(phoneName, dns.TypePTR), ptr(strings.ToUpper(phoneName), strings.ToUpper(deskName), ptrTTL)
	})},
	{"6762 §7.1", "of many records the known ones are left out, the others answered", func(b *bench) {
		groups := many(10)
		b.settle(groups...)
		var known []dns.RR
		for _, g := range groups[:5] {
			known = append(known, ptr(phoneName, instanceOf(g), ptrTTL))
		}
		all := find(answers(b.answerTo(knowing(query(phoneName, dns.TypePTR), known...))), phoneName, dns.TypePTR)
		for i, g := range groups {
			if n := len(pointing(all, instanceOf(g))); (n > 0) != (i >= 5) {
				b.failf("%s is there %d times; heard %s", instanceOf(g), n, describeFound(all))
			}
		}
	}},
	{"6762 §7.4", "an answer that another host has just given is not given again", func(b *bench) {
		b.settle(desk())
		b.ask(query(phoneName, dns.TypePTR))
		b.send(b.peer(1), b.group(), response(ptr(phoneName, deskName, ptrTTL)))
		b.expectNothing(answers(b.listen(patience)), phoneName, dns.TypePTR)
	}},
	{"6762 §7.4", "an answer that another host has given with a lower TTL is given", func(b *bench) {
		b.settle(desk())
		b.ask(query(phoneName, dns.TypePTR))
		b.send(b.peer(1), b.group(), response(ptr(phoneName, deskName, ptrTTL-1)))
		b.expect(answers(b.listen(patience)), phoneName, dns.TypePTR)
	}},
	{"6762 §6.6", "a record of ours that another host gives with less than half of its TTL is announced again", func(b *bench) {
		b.settle(desk())
		b.respond(srv(deskName, 0, servicePort, hostName, 10))
		f := b.expect(answers(b.listen(patience)), deskName, dns.TypeSRV)
		if f.Header().Ttl != hostTTL {
			b.failf("TTL %d", f.Header().Ttl)
		}
	}},
	{"6762 §6.6, §9", "another host that gives a record of ours as it is makes no conflict", func(b *bench) {
		b.settle(desk())
		b.respond(srv(deskName, 0, servicePort, hostName, hostTTL))
		heard := b.listen(2 * time.Second)
		if len(probes(heard, deskName)) > 0 {
			b.failf("it is probed for: %s", describe(heard))
		}
		b.expect(answers(b.answerTo(query(deskName, dns.TypeSRV))), deskName, dns.TypeSRV)
	}},
	{"6762 §6", "a record is multicast at most once a second", func(b *bench) {
		b.settle(desk())
		b.expect(answers(b.onceASecond()), deskName, dns.TypeSRV)
	}},
	{"6762 §6", "a question within that second is answered after it", func(b *bench) {
		b.settle(desk())
		times := find(answers(b.onceASecond()), deskName, dns.TypeSRV)
		if len(times) < 2 {
			b.failf("it was not answered again")
		}
		b.within("the second answer came", times[1].packet.At.Sub(times[0].packet.At), time.Second, 1200*time.Millisecond)
	}},
	{"6762 §6", "a probe is answered 250 ms after the record was last multicast, not a second", func(b *bench) {
		b.settle(desk())
		b.ask(query(deskName, dns.TypeSRV))
		heard := b.listen(100 * time.Millisecond)
		m := query(deskName, dns.TypeANY)
		m.Ns = []dns.RR{srv(deskName, 0, 9, "rival.local.", hostTTL)}
		b.send(b.peer(1), b.group(), m)
		heard = append(heard, b.listen(900*time.Millisecond)...)
		times := find(answers(heard), deskName, dns.TypeSRV)
		if len(times) < 2 {
			b.failf("%d answers within a second", len(times))
		}
		b.within("the probe was answered", times[1].packet.At.Sub(times[0].packet.At), probeGap, 600*time.Millisecond)
	}},
	{"6762 §5.4", "a question with the QU bit gets a unicast reply", func(b *bench) {
		b.settle(desk())
		p := b.unicastReply(unicast(query(deskName, dns.TypeSRV)))
		b.expect(answers([]packet{p}), deskName, dns.TypeSRV)
		if p.To != b.peer(0) || p.From.Port() != 5353 {
			b.failf("from %v to %v", p.From, p.To)
		}
	}},
	{"6762 §5.4", "a unicast reply is not also multicast if the record was multicast recently", func(b *bench) {
		b.settle(desk())
		for _, p := range responses(b.answerTo(unicast(query(deskName, dns.TypeSRV)))) {
			if p.Multicast() {
				b.failf("heard %s", describePacket(p))
			}
		}
	}},
	{"6762 §5.4", "a QU question for a record that was not multicast for a quarter of its TTL is answered by multicast", func(b *bench) {
		b.settle(desk())
		b.listen(40 * time.Second)
		heard := responses(b.answerTo(unicast(query(deskName, dns.TypeSRV))))
		if !slices.ContainsFunc(heard, func(p packet) bool { return p.Multicast() }) {
			b.failf("no multicast; heard %s", describe(heard))
		}
	}},
	{"6762 §5.4, §6", "a probe with the QU bit gets its unicast reply at once", func(b *bench) {
		b.settle(desk())
		asked := b.lab.Now()
		m := unicast(query(deskName, dns.TypeANY))
		m.Ns = []dns.RR{srv(deskName, 0, 9, "rival.local.", hostTTL)}
		p := b.unicastReply(m)
		b.expect(answers([]packet{p}), deskName, dns.TypeSRV)
		b.after("it came", p.At.Sub(asked), 0, 10*time.Millisecond)
	}},
	{"6762 §6, §8.1", "a probe for a name of ours is answered at once", func(b *bench) {
		b.settle(desk())
		asked := b.lab.Now()
		m := query(deskName, dns.TypeANY)
		m.Ns = []dns.RR{srv(deskName, 0, 9, "rival.local.", hostTTL)}
		f := b.expect(answers(b.answerTo(m)), deskName, dns.TypeSRV)
		b.after("the answer came", f.packet.At.Sub(asked), 0, 10*time.Millisecond)
	}},
	{"6762 §6, §8.1", "a probe for the host's name is answered at once", func(b *bench) {
		b.settle(desk())
		asked := b.lab.Now()
		m := query(hostName, dns.TypeANY)
		m.Ns = []dns.RR{address(hostName, b.peer(1).Addr(), hostTTL)}
		f := b.expect(answers(b.answerTo(m)), hostName, dns.TypeA)
		b.after("the answer came", f.packet.At.Sub(asked), 0, 10*time.Millisecond)
	}},
	{"6762 §6.7", "a legacy query is answered by unicast to its port", func(b *bench) {
		b.settle(desk())
		p := b.legacyReply(query(deskName, dns.TypeSRV))
		if p.To != portOf(b.peer(0), 40000) {
			b.failf("to %v", p.To)
		}
	}},
	{"6762 §6.7", "a legacy reply has the ID of the query", func(b *bench) {
		b.settle(desk())
		if p := b.legacyReply(query(deskName, dns.TypeSRV)); p.Id != 4711 {
			b.failf("ID %d; want 4711", p.Id)
		}
	}},
	{"6762 §6.7", "a legacy reply repeats the question", func(b *bench) {
		b.settle(desk())
		p := b.legacyReply(query(deskName, dns.TypeSRV))
		want := query(deskName, dns.TypeSRV).Question
		if !slices.Equal(p.Question, want) {
			b.failf("questions %v; want %v", p.Question, want)
		}
	}},
	{"6762 §6.7", "a legacy reply has TTLs of at most 10 s", func(b *bench) {
		b.settle(desk())
		for _, f := range records([]packet{b.legacyReply(query(deskName, dns.TypeSRV))}) {
			if f.Header().Ttl > 10 {
				b.failf("%v", f.RR)
			}
		}
	}},
	{"6762 §6.7", "a legacy reply has no cache-flush bits", func(b *bench) {
		b.settle(desk())
		for _, f := range records([]packet{b.legacyReply(query(deskName, dns.TypeANY))}) {
			if f.Header().Class&flush != 0 {
				b.failf("%v", f.RR)
			}
		}
	}},
	{"6762 §18.14", "the SRV target is not compressed in a legacy reply", func(b *bench) {
		b.settle(desk())
		f := b.expect(answers([]packet{b.legacyReply(query(deskName, dns.TypeSRV))}), deskName, dns.TypeSRV)
		if n := f.Header().Rdlength; n != 6+uint16(len("\x03pbx\x05local\x00")) {
			b.failf("its data has %d bytes", n)
		}
	}},
	{"6762 §6.7", "a legacy query for PTR finds ten services, as much as fits the MTU", func(b *bench) {
		groups := many(10)
		b.settle(groups...)
		p := b.legacyReply(query(phoneName, dns.TypePTR))
		if n := len(find(answers([]packet{p}), phoneName, dns.TypePTR)); n != 10 {
			b.failf("%d services", n)
		}
	}},
	{"6762 §6.7", "the reply to a legacy query for PTR has SRV, TXT and addresses", func(b *bench) {
		b.settle(desk())
		all := records([]packet{b.legacyReply(query(phoneName, dns.TypePTR))})
		b.expect(all, deskName, dns.TypeSRV)
		b.expect(all, deskName, dns.TypeTXT)
		b.expect(all, hostName, dns.TypeA)
	}},
	{"6762 §6.5", "type ANY is answered with all records of the name", func(b *bench) {
		b.settle(desk())
		all := answers(b.answerTo(query(deskName, dns.TypeANY)))
		b.expect(all, deskName, dns.TypeSRV)
		b.expect(all, deskName, dns.TypeTXT)
	}},
	{"6762 §6", "class ANY is answered", func(b *bench) {
		b.settle(desk())
		heard := b.answerTo(queries(dns.Question{Name: deskName, Qtype: dns.TypeSRV, Qclass: dns.ClassANY}))
		b.expect(answers(heard), deskName, dns.TypeSRV)
	}},
	{"6762 §6", "another class is not answered", func(b *bench) {
		b.settle(desk())
		heard := b.answerTo(queries(dns.Question{Name: deskName, Qtype: dns.TypeSRV, Qclass: dns.ClassCHAOS}))
		b.expectNothing(records(heard), deskName, dns.TypeSRV)
	}},
	{"6762 §6", "the answer section holds only what was asked for", func(b *bench) {
		b.settle(desk())
		heard := append(b.answerTo(query(deskName, dns.TypeSRV)), b.answerTo(query(phoneName, dns.TypePTR))...)
		for _, f := range answers(heard) {
			asked := f.Header().Rrtype == dns.TypeSRV && f.Header().Name == deskName || f.Header().Rrtype == dns.TypePTR && f.Header().Name == phoneName
			if !asked {
				b.failf("%v", f.RR)
			}
		}
	}},
	{"6762 §6", "a question for an unknown name is not answered", func(b *bench) {
		b.settle(desk())
		for _, name := range []string{"other." + phoneName, "_ipp._tcp.local.", "other.local.", "local.", "desk." + phoneName, "_sub." + phoneName} {
			if heard := responses(b.answerTo(query(name, dns.TypeANY))); len(heard) > 0 {
				b.failf("%s: %s", name, describe(heard))
			}
		}
	}},
	{"6762 §6", "a question for a type that a shared name lacks is not answered", func(b *bench) {
		b.settle(desk())
		if heard := responses(b.answerTo(query(phoneName, dns.TypeA))); len(heard) > 0 {
			b.failf("heard %s", describe(heard))
		}
	}},
	{"6762 §6", "a response is not answered, even one with questions", func(b *bench) {
		b.settle(desk())
		m := query(deskName, dns.TypeSRV)
		m.Response = true
		b.expectNothing(answers(b.answerTo(m)), deskName, dns.TypeSRV)
	}},
	{"6762 §6", "a query of a thousand questions is answered", func(b *bench) {
		b.settle(desk())
		m := query(deskName, dns.TypeSRV)
		for range 700 {
			m.Question = append(m.Question, dns.Question{Name: "x.local.", Qtype: dns.TypeA, Qclass: dns.ClassINET})
		}
		b.expect(answers(b.answerTo(m)), deskName, dns.TypeSRV)
	}},
	{"6762 §6.1", "a type that a unique name lacks is denied by NSEC", func(b *bench) {
		b.settle(desk())
		b.expect(records(b.answerTo(query(deskName, dns.TypeA))), deskName, dns.TypeNSEC)
	}},
	{"6762 §6.1", "NSEC lists the types that exist, with the name itself as the next one", func(b *bench) {
		b.settle(desk())
		n := b.expect(records(b.answerTo(query(deskName, dns.TypeA))), deskName, dns.TypeNSEC).RR.(*dns.NSEC)
		if !slices.Equal(slices.DeleteFunc(n.TypeBitMap, func(t uint16) bool { return t == dns.TypeNSEC }), []uint16{dns.TypeTXT, dns.TypeSRV}) ||
			!strings.EqualFold(n.NextDomain, deskName) {
			b.failf("%v", n)
		}
	}},
	{"6762 §6.1, §10.2", "NSEC has the cache-flush bit, and the TTL of the missing record", func(b *bench) {
		b.settle(desk())
		h := b.expect(records(b.answerTo(query(deskName, dns.TypeA))), deskName, dns.TypeNSEC).Header()
		if h.Class&flush == 0 || h.Ttl != hostTTL && h.Ttl != ptrTTL {
			b.failf("%v", h)
		}
	}},
	{"6762 §6.1, §10", "NSEC of the host's name has a TTL of 120 s for every type", func(b *bench) {
		b.settle(desk())
		for _, kind := range []uint16{dns.TypeTXT, dns.TypeHINFO, dns.TypeHTTPS, dns.TypeCAA} {
			if got := b.expect(records(b.answerTo(query(hostName, kind))), hostName, dns.TypeNSEC).Header().Ttl; got != hostTTL {
				b.failf("TTL %d for %s", got, dns.TypeToString[kind])
			}
		}
	}},
	{"6762 §6.1", "a type that the host's name lacks is denied by NSEC", func(b *bench) {
		b.settle(desk())
		n := b.expect(records(b.answerTo(query(hostName, dns.TypeHINFO))), hostName, dns.TypeNSEC).RR.(*dns.NSEC)
		if !slices.Equal(slices.DeleteFunc(n.TypeBitMap, func(t uint16) bool { return t == dns.TypeNSEC }), []uint16{dns.TypeA, dns.TypeAAAA}) {
			b.failf("%v", n)
		}
	}},
	{"6762 §6", "the reply goes out by the IP version that the query came by", func(b *bench) {
		b.settle(desk())
		b.listen(time.Second)
		b.ask(query(deskName, dns.TypeSRV))
		for end := b.lab.Now().Add(patience); ; {
			p, ok := b.nextOfAny(end)
			if !ok {
				break
			}
			if p.Version() != b.v {
				b.failf("heard %s", describePacket(p))
			}
		}
	}},
	{"6762 §6.2, §20", "the host's name has the addresses of the interface, no others", func(b *bench) {
		b.settle(desk())
		all := records(append(b.answerTo(query(hostName, dns.TypeA)), b.answerTo(query(hostName, dns.TypeAAAA))...))
		b.expect(all, hostName, dns.TypeA)
		b.expect(all, hostName, dns.TypeAAAA)
		for _, f := range slices.Concat(find(all, hostName, dns.TypeA), find(all, hostName, dns.TypeAAAA)) {
			a := addressOf(f.RR)
			if !slices.ContainsFunc(b.facts.Responder, func(p netip.Prefix) bool { return p.Addr() == a }) {
				b.failf("%v", f.RR)
			}
		}
	}},
	{"6762 §6.2", "the answer for A has AAAA", func(b *bench) {
		b.settle(desk())
		all := records(b.answerTo(query(hostName, dns.TypeA)))
		b.expect(all, hostName, dns.TypeAAAA)
	}},
	{"6762 §6.2", "the answer for AAAA has A", func(b *bench) {
		b.settle(desk())
		b.expect(records(b.answerTo(query(hostName, dns.TypeAAAA))), hostName, dns.TypeA)
	}},
	{"6763 §12.1", "the answer for PTR has SRV, TXT, A and AAAA", func(b *bench) {
		b.settle(desk())
		all := records(b.answerTo(query(phoneName, dns.TypePTR)))
		b.expect(all, deskName, dns.TypeSRV)
		b.expect(all, deskName, dns.TypeTXT)
		b.expect(all, hostName, dns.TypeA)
		b.expect(all, hostName, dns.TypeAAAA)
	}},
	{"6763 §12.2", "the answer for SRV has A and AAAA", func(b *bench) {
		b.settle(desk())
		all := records(b.answerTo(query(deskName, dns.TypeSRV)))
		b.expect(all, hostName, dns.TypeA)
		b.expect(all, hostName, dns.TypeAAAA)
	}},
	{"6762 §10.2", "unique answers have the cache-flush bit, shared ones don't", func(b *bench) {
		b.settle(desk())
		all := records(append(b.answerTo(query(deskName, dns.TypeANY)), b.answerTo(query(phoneName, dns.TypePTR))...))
		if b.expect(all, deskName, dns.TypeSRV).Header().Class&flush == 0 || b.expect(all, phoneName, dns.TypePTR).Header().Class&flush != 0 {
			b.failf("heard %s", describeFound(all))
		}
	}},
	{"6763 §7.1", "a subtype is answered", func(b *bench) {
		g := desk()
		g.Services[0].Subtypes = []dnsname.Name{dnsname.MustParse("_lobby._sub." + phoneType)}
		b.settle(g)
		f := b.expect(answers(b.answerTo(query("_lobby._sub."+phoneName, dns.TypePTR))), "_lobby._sub."+phoneName, dns.TypePTR)
		if !pointsTo(f.RR, deskName) {
			b.failf("%v", f.RR)
		}
	}},
	{"6763 §9", "the service types are listed", func(b *bench) {
		b.settle(desk())
		all := find(answers(b.answerTo(query(metaName, dns.TypePTR))), metaName, dns.TypePTR)
		if len(pointing(all, phoneName)) != 1 {
			b.failf("heard %s", describeFound(all))
		}
	}},
	{"6763 §9", "a service type with many services is listed once", func(b *bench) {
		b.settle(many(10)...)
		all := find(answers(b.answerTo(query(metaName, dns.TypePTR))), metaName, dns.TypePTR)
		if len(pointing(all, phoneName)) != 1 {
			b.failf("heard %s", describeFound(all))
		}
	}},
	{"6762 §4", "the reverse name of an address points to the host", func(b *bench) {
		b.settle(desk())
		reverse, err := dns.ReverseAddr(b.responder().Addr().String())
		b.must("name the address", err)
		f := b.expect(answers(b.answerTo(query(reverse, dns.TypePTR))), reverse, dns.TypePTR)
		if !pointsTo(f.RR, hostName) {
			b.failf("%v", f.RR)
		}
	}},
	{"6763 §12", "additional records are left out if they do not fit", func(b *bench) {
		b.settle(desk(), largeTXT())
		for _, p := range responses(b.answerTo(query(phoneName, dns.TypePTR))) {
			if len(p.Data) > 1472 {
				b.failf("a packet of %d bytes", len(p.Data))
			}
		}
	}},
}

// suppressed checks that an answer is left out which the querier knows.
func suppressed(of func() (*dns.Msg, dns.RR)) func(*bench) {
	return func(b *bench) {
		b.settle(desk())
		b.suppresses(of())
	}
}

func (b *bench) suppresses(m *dns.Msg, known dns.RR) {
	h := known.Header()
	b.expectNothing(answers(b.answerTo(knowing(m.Copy(), known))), h.Name, h.Rrtype)
	b.expect(answers(b.answerTo(m)), h.Name, h.Rrtype)
}

// onceASecond asks for the desk's SRV record every 200 ms for a second, checks that no two answers are closer than a
// second, and returns all that was heard.
func (b *bench) onceASecond() []packet {
	var heard []packet
	for range 5 {
		b.ask(query(deskName, dns.TypeSRV))
		heard = append(heard, b.listen(200*time.Millisecond)...)
	}
	heard = append(heard, b.listen(patience)...)
	times := find(answers(heard), deskName, dns.TypeSRV)
	for i := 1; i < len(times); i++ {
		if d := times[i].packet.At.Sub(times[i-1].packet.At); d < time.Second-b.slack {
			b.failf("the same record twice within %v", d)
		}
	}
	return heard
}

// addressRecord returns the A record of the responder.
func (b *bench) addressRecord() dns.RR {
	for _, p := range b.facts.Responder {
		if p.Addr().Is4() {
			return address(hostName, p.Addr(), hostTTL)
		}
	}
	b.skipf("the responder has no IPv4 address")
	return nil
}

func addressOf(rr dns.RR) netip.Addr {
	var a netip.Addr
	switch rr := rr.(type) {
	case *dns.A:
		a, _ = netip.AddrFromSlice(rr.A)
	case *dns.AAAA:
		a, _ = netip.AddrFromSlice(rr.AAAA)
	}
	return a.Unmap()
}

// legacyReply asks as a resolver does that knows nothing of multicast DNS, and returns the reply.
func (b *bench) legacyReply(m *dns.Msg) packet {
	m.Id = 4711
	b.send(portOf(b.peer(0), 40000), b.group(), m)
	heard := responses(b.listen(patience))
	for _, p := range heard {
		if !p.Multicast() {
			return p
		}
	}
	b.failf("no unicast reply; heard %s", describe(heard))
	return packet{}
}

// withTXT returns a group whose service has another TXT record.
func withTXT(g services.Group, strs ...string) services.Group {
	g.Services = slices.Clone(g.Services)
	g.Services[0].TXT = strs
	return g
}

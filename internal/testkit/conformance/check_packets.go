package conformance

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"announcer/internal/mdns"
	"announcer/services"
)

var packetChecks = []Check{
	{"6762 §11", "multicasts go out with IP TTL 255", func(b *bench) {
		b.start(desk())
		for _, p := range b.awaitAnnouncement() {
			if p.Multicast() && p.TTL != 255 {
				b.failf("TTL %d", p.TTL)
			}
		}
	}},
	{"6762 §11", "unicast replies go out with IP TTL 255", func(b *bench) {
		b.settle(desk())
		if p := b.unicastReply(unicast(query(deskName, dns.TypeSRV))); p.TTL != 255 {
			b.failf("TTL %d", p.TTL)
		}
	}},
	{"6762 §3, §6", "packets come from port 5353, and multicasts go to the group", func(b *bench) {
		b.start(desk())
		for _, p := range b.awaitAnnouncement() {
			if p.From.Port() != mdns.Port || p.To != b.group() {
				b.failf("a packet from %v to %v", p.From, p.To)
			}
		}
	}},
	{"6762 §18.2, §18.4", "responses have the bits QR and AA", eachResponse(func(p packet) bool { return p.Response && p.Authoritative })},
	{"6762 §18.3, §18.11", "responses have opcode and rcode 0", eachResponse(func(p packet) bool { return p.Opcode == 0 && p.Rcode == 0 })},
	{"6762 §18.1", "responses by multicast have the ID 0", eachResponse(func(p packet) bool { return p.Id == 0 })},
	{"6762 §6", "responses by multicast have no questions", eachResponse(func(p packet) bool { return len(p.Question) == 0 })},
	{"6762 §18.5", "responses don't have the TC bit", eachResponse(func(p packet) bool { return !p.Truncated })},
	{"6762 §18.6, §18.7, §18.10", "the bits RD, RA, Z, AD and CD are 0", eachResponse(func(p packet) bool {
		return !p.RecursionDesired && !p.RecursionAvailable && !p.Zero && !p.AuthenticatedData && !p.CheckingDisabled
	})},
	{"6762 §18.1", "questions by multicast have the ID 0", func(b *bench) {
		b.start(desk())
		for _, p := range probes(b.awaitAnnouncement(), deskName) {
			if p.Id != 0 {
				b.failf("a probe with the ID %d", p.Id)
			}
		}
	}},
	{"6762 §18.3", "queries with another opcode are ignored", func(b *bench) {
		b.settle(desk())
		m := query(deskName, dns.TypeSRV)
		m.Opcode = dns.OpcodeNotify
		b.expectNothing(answers(b.answerTo(m)), deskName, dns.TypeSRV)
	}},
	{"6762 §18.11", "queries with an rcode are ignored", func(b *bench) {
		b.settle(desk())
		m := query(deskName, dns.TypeSRV)
		m.Rcode = dns.RcodeServerFailure
		b.expectNothing(answers(b.answerTo(m)), deskName, dns.TypeSRV)
	}},
	{"6762 §6", "responses from another port than 5353 are ignored", func(b *bench) {
		b.start(desk())
		heard := b.each(2*time.Second, func(p packet) {
			if isProbe(p, deskName) {
				from := b.peer(0)
				b.send(portOf(from, 40000), b.group(), response(srv(deskName, 0, 9, "rival.local.", hostTTL)))
			}
		})
		if len(find(answers(heard), deskName, dns.TypeSRV)) == 0 {
			b.failf("the name was given up; heard %s", describe(heard))
		}
	}},
	{"6762 §18", "malformed packets have no effect", func(b *bench) {
		b.settle(desk())
		for _, data := range malformed() {
			b.sendRaw(b.peer(0), b.group(), data)
			b.sendRaw(portOf(b.peer(0), 40000), b.group(), data)
		}
		b.listen(3 * time.Second)
		b.expect(answers(b.answerTo(query(deskName, dns.TypeSRV))), deskName, dns.TypeSRV)
	}},
	{"6762 §5.5", "a query by unicast from a host on the link is answered", func(b *bench) {
		b.settle(desk())
		b.send(b.peer(0), b.responder(), query(deskName, dns.TypeSRV))
		b.expect(answers(b.listen(patience)), deskName, dns.TypeSRV)
	}},
	{"6762 §5.5, §11", "a query by unicast from off the link is not answered", func(b *bench) {
		b.settle(desk())
		b.send(b.remote(), b.responder(), query(deskName, dns.TypeSRV))
		b.expectNothing(answers(b.listen(patience)), deskName, dns.TypeSRV)
	}},
	{"6762 §11", "a legacy query by unicast from off the link is not answered", func(b *bench) {
		b.settle(desk())
		b.send(portOf(b.remote(), 40000), b.responder(), query(deskName, dns.TypeSRV))
		b.expectNothing(answers(b.listen(patience)), deskName, dns.TypeSRV)
	}},
	{"6762 §5.5, §11", "a QU question from off the link gets no unicast reply", func(b *bench) {
		b.settle(desk())
		b.send(b.remote(), b.group(), unicast(query(deskName, dns.TypeSRV)))
		for _, p := range b.listen(patience) {
			if !p.Multicast() {
				b.failf("heard %s", describePacket(p))
			}
		}
	}},
	{"6762 §16", "names are compared without ASCII case", func(b *bench) {
		b.settle(desk())
		heard := b.answerTo(query(strings.ToUpper(phoneName), dns.TypePTR))
		b.expect(answers(heard), phoneName, dns.TypePTR)
		heard = b.answerTo(query("fRONT\\ dESK."+phoneName, dns.TypeSRV))
		b.expect(answers(heard), deskName, dns.TypeSRV)
	}},
	{"6762 §16", "answers have names in the case that the user gave them", func(b *bench) {
		b.settle(desk())
		f := b.expect(answers(b.answerTo(query(strings.ToUpper(deskName), dns.TypeSRV))), deskName, dns.TypeSRV)
		if got := f.Header().Name; got != deskName {
			b.failf("the answer is for %s; want %s", got, deskName)
		}
	}},
	{"6762 §17", "messages fit the MTU", func(b *bench) {
		b.start(many(100)...)
		heard := b.listen(settling)
		b.ask(query(phoneName, dns.TypePTR))
		for _, p := range append(heard, b.listen(patience)...) {
			if len(p.Data) > b.mtu() {
				b.failf("%d bytes; want at most %d", len(p.Data), b.mtu())
			}
		}
	}},
	{"6762 §17", "a record larger than the MTU is sent, in a packet of its own", func(b *bench) {
		big := largeTXT()
		b.settle(desk(), big)
		f := b.expect(answers(b.answerTo(query(instanceOf(big), dns.TypeTXT))), instanceOf(big), dns.TypeTXT)
		if n := len(f.packet.Answer); n != 1 {
			b.failf("%d answers in its packet", n)
		}
	}},
	{"6762 §17", "a packet larger than the MTU holds one record, when it is probed for, announced and answered", func(b *bench) {
		b.start(append(many(40), largeTXT())...)
		heard := b.listen(settling)
		b.ask(query(instanceOf(largeTXT()), dns.TypeANY))
		b.oneRecordInFragments(append(heard, b.listen(patience)...))
	}},
	{"6762 §17", "a goodbye larger than the MTU holds one record", func(b *bench) {
		b.settle(append(many(8), largeTXT())...)
		b.must("stop the responder", b.lab.Stop())
		b.oneRecordInFragments(b.listen(3 * time.Second))
	}},
	{"6762 §17", "all 100 instances of a type answer one question", func(b *bench) {
		b.settle(many(100)...)
		targets := map[string]bool{}
		for _, f := range find(answers(b.answerTo(query(phoneName, dns.TypePTR))), phoneName, dns.TypePTR) {
			targets[f.RR.(*dns.PTR).Ptr] = true
		}
		if len(targets) != 100 {
			b.failf("%d of them do", len(targets))
		}
	}},
	{"6762 §18.14", "names are compressed, in SRV too", func(b *bench) {
		b.settle(desk())
		f := b.expect(answers(b.answerTo(query(deskName, dns.TypeSRV))), deskName, dns.TypeSRV)
		if n := f.Header().Rdlength; n >= 6+uint16(len("\x03pbx\x05local\x00")) {
			b.failf("the data of the SRV record has %d bytes", n)
		}
		b.listen(time.Second)
		p := b.expect(answers(b.answerTo(query(phoneName, dns.TypePTR))), phoneName, dns.TypePTR)
		if n := p.Header().Rdlength; n > uint16(len("\x0aFront desk")+2) {
			b.failf("the data of the PTR record has %d bytes", n)
		}
	}},
	{"6763 §4.1.1, 6762 §16", "an instance name may hold dots, backslashes, spaces and UTF-8", func(b *bench) {
		odd := group(`Büro 1.OG \ "Süd"; @home (2)`, "a=b")
		b.settle(odd)
		f := b.expect(answers(b.answerTo(query(phoneName, dns.TypePTR))), phoneName, dns.TypePTR)
		if got := f.RR.(*dns.PTR).Ptr; got != instanceOf(odd) {
			b.failf("the PTR record points to %s; want %s", got, instanceOf(odd))
		}
		b.listen(time.Second)
		b.expect(answers(b.answerTo(query(instanceOf(odd), dns.TypeSRV))), instanceOf(odd), dns.TypeSRV)
	}},
	{"6762 §15.1", "bursts of packets have pauses, so that receivers keep up", func(b *bench) {
		b.start(many(300)...)
		const burst = 64
		var times []time.Time
		for _, p := range b.listen(settling) {
			times = append(times, p.At)
			if n := len(times); n > burst && p.At.Sub(times[n-1-burst]) < burst*100*time.Microsecond {
				b.failf("%d packets within %v", burst+1, p.At.Sub(times[n-1-burst]))
			}
		}
	}},
}

// mtu returns the most bytes of a message that is not fragmented.
func (b *bench) mtu() int {
	return mdns.EthernetMTU - mdns.Headers(b.v)
}

// oneRecordInFragments fails where a packet that is larger than the MTU has more than one record.
func (b *bench) oneRecordInFragments(packets []packet) {
	for _, p := range packets {
		if n := len(p.Answer) + len(p.Ns) + len(p.Extra); len(p.Data) > b.mtu() && n != 1 {
			b.failf("%d bytes with %d records: %s", len(p.Data), n, describePacket(p))
		}
	}
}

// eachResponse looks at all responses by multicast that come of announcing and of a few questions.
func eachResponse(good func(packet) bool) func(*bench) {
	return func(b *bench) {
		b.start(desk())
		heard := append(b.awaitAnnouncement(), b.listen(settling)...)
		for _, m := range []*dns.Msg{query(deskName, dns.TypeSRV), query(hostName, dns.TypeANY), query(phoneName, dns.TypePTR)} {
			heard = append(heard, b.answerTo(m)...)
		}
		for _, p := range responses(heard) {
			if p.Multicast() && !good(p) {
				b.failf("the header %+v with %d questions in a packet %s", p.MsgHdr, len(p.Question), describePacket(p))
			}
		}
	}
}

// unicastReply asks and returns the reply, which must be unicast.
func (b *bench) unicastReply(m *dns.Msg) packet {
	heard := responses(b.answerTo(m))
	if len(heard) == 0 || heard[0].Multicast() {
		b.failf("no unicast reply; heard %s", describe(heard))
	}
	return heard[0]
}

// largeTXT is a service whose TXT record has 3012 bytes.
func largeTXT() services.Group {
	var strs []string
	for i := range 12 {
		strs = append(strs, fmt.Sprintf("key%02d=%s", i, strings.Repeat("x", 244)))
	}
	return group("Large", strs...)
}

// malformed returns packets that no responder should believe.
func malformed() [][]byte {
	good, _ := query(deskName, dns.TypeSRV).Pack()
	answer, _ := response(srv(deskName, 0, 9, "rival.local.", hostTTL), txt(deskName, ptrTTL, "a=b")).Pack()
	head := func(flags, questions, answers uint16) []byte {
		b := make([]byte, 12)
		binary.BigEndian.PutUint16(b[2:], flags)
		binary.BigEndian.PutUint16(b[4:], questions)
		binary.BigEndian.PutUint16(b[6:], answers)
		return b
	}
	all := [][]byte{
		{}, {0}, make([]byte, 11), make([]byte, 12),
		head(0, 0xFFFF, 0), head(0x8400, 0, 0xFFFF),
		append(head(0, 1, 0), 0xC0, 12, 0, 33, 0, 1),                                         // points to itself
		append(head(0, 1, 0), 0xC0, 14, 0xC0, 12, 0, 33, 0, 1),                               // two pointers in a circle
		append(head(0, 1, 0), 0x40, 'a', 0, 0, 33, 0, 1),                                     // reserved kind of label
		append(append(head(0, 1, 0), slices.Repeat([]byte{1, 'a'}, 200)...), 0, 0, 33, 0, 1), // too long a name
		append(head(0x8400, 0, 1), 0, 0, 33, 0, 1, 0, 0, 0, 120, 0xFF, 0xFF, 0),              // too long a record
		append(head(0x8400, 0, 1), 0, 0, 33, 0, 1, 0, 0, 0, 120, 0, 3, 0, 0, 0),              // too short an SRV record
		append(head(0x8400, 0, 1), 0, 0, 1, 0, 1, 0, 0, 0, 120, 0, 3, 1, 2, 3),               // too short an A record
	}
	for i := 1; i < len(good); i += 3 {
		all = append(all, good[:i])
	}
	for i := 13; i < len(answer); i += 5 {
		all = append(all, answer[:i])
	}
	return all
}

package conformance

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

func portOf(a netip.AddrPort, port uint16) netip.AddrPort { return netip.AddrPortFrom(a.Addr(), port) }

const probeGap = 250 * time.Millisecond

var startChecks = []Check{
	{"6762 §8.1", "the first probe comes a random 0 to 250 ms after the start", func(b *bench) {
		if b.slack > 0 {
			b.skipf("when the responder is ready to send is not known")
		}
		b.start(desk())
		b.within("the first probe came", b.theProbes()[0].At.Sub(b.began), 0, probeGap)
	}},
	{"6762 §8.1", "three probes for an instance name before it is announced", func(b *bench) {
		if n := len(b.theProbes()); n != 3 {
			b.failf("%d probes", n)
		}
	}},
	{"6762 §8.1", "three probes for the host's name before it is announced", func(b *bench) {
		b.start(desk())
		if n := len(probes(b.awaitAnnouncement(), hostName)); n != 3 {
			b.failf("%d probes", n)
		}
	}},
	{"6762 §8.1", "probes are 250 ms apart", func(b *bench) {
		p := b.theProbes()
		for i := 1; i < len(p); i++ {
			b.within("the next probe came", p[i].At.Sub(p[i-1].At), probeGap, probeGap+20*time.Millisecond)
		}
	}},
	{"6762 §8.1", "probes ask for type ANY", func(b *bench) {
		b.eachProbeQuestion(func(q dns.Question) bool { return q.Qtype == dns.TypeANY })
	}},
	{"6762 §8.1", "probes ask for a unicast reply (QU)", func(b *bench) {
		b.eachProbeQuestion(func(q dns.Question) bool { return q.Qclass&flush != 0 })
	}},
	{"6762 §8.1", "probes ask in class IN", func(b *bench) {
		b.eachProbeQuestion(func(q dns.Question) bool { return q.Qclass&^flush == dns.ClassINET })
	}},
	{"6762 §8.1, §8.2", "probes have the proposed SRV and TXT records in their authority section", func(b *bench) {
		for _, p := range b.theProbes() {
			var proposed []found
			for _, rr := range p.Ns {
				proposed = append(proposed, found{rr, p})
			}
			b.expect(proposed, deskName, dns.TypeSRV)
			b.expect(proposed, deskName, dns.TypeTXT)
		}
	}},
	{"6762 §10.2", "records in the authority section don't have the cache-flush bit", func(b *bench) {
		for _, p := range b.theProbes() {
			for _, rr := range p.Ns {
				if rr.Header().Class&flush != 0 {
					b.failf("it is set: %s", describePacket(p))
				}
			}
		}
	}},
	{"6762 §8.1", "probes for many names go together in few messages", func(b *bench) {
		b.start(many(20)...)
		n := 0
		for _, p := range b.await(many(20)...) {
			if !p.Response && len(p.Ns) > 0 {
				n++
			}
		}
		if n > 12 {
			b.failf("%d messages to probe for 21 names", n)
		}
	}},
	{"6762 §8.3", "the announcement follows 250 ms after the third probe", func(b *bench) {
		b.start(desk())
		heard := b.awaitAnnouncement()
		p := probes(heard, deskName)
		if len(p) == 0 {
			b.failf("no probe")
		}
		b.within("the announcement came", heard[len(heard)-1].At.Sub(p[len(p)-1].At), probeGap, probeGap+50*time.Millisecond)
	}},
	{"6762 §8.3", "at least two announcements, a second apart", func(b *bench) {
		times := b.announcements()
		if len(times) < 2 {
			b.failf("%d announcements", len(times))
		}
		b.within("the second announcement came", times[1].Sub(times[0]), time.Second, 1300*time.Millisecond)
	}},
	{"6762 §8.3", "the time between announcements at least doubles", func(b *bench) {
		times := b.announcements()
		for i := 2; i < len(times); i++ {
			before, now := times[i-1].Sub(times[i-2]), times[i].Sub(times[i-1])
			if now < 2*before-2*b.slack-time.Millisecond {
				b.failf("%v after %v", now, before)
			}
		}
	}},
	{"6762 §8.3", "there are at most eight announcements", func(b *bench) {
		if n := len(b.announcements()); n > 8 {
			b.failf("%d announcements", n)
		}
	}},
	{"6762 §8.3", "SRV, TXT, PTR and address records are announced", func(b *bench) {
		b.start(desk())
		all := answers(append(b.awaitAnnouncement(), b.listen(time.Second)...))
		b.expect(all, deskName, dns.TypeSRV)
		b.expect(all, deskName, dns.TypeTXT)
		b.expect(all, phoneName, dns.TypePTR)
		b.expect(all, hostName, dns.TypeA)
	}},
	{"6763 §9", "the service type is announced", func(b *bench) {
		b.start(desk())
		b.expect(answers(append(b.awaitAnnouncement(), b.listen(time.Second)...)), metaName, dns.TypePTR)
	}},
	{"6762 §8.3, §10.2", "announced unique records have the cache-flush bit", func(b *bench) {
		b.eachAnnounced(func(rr dns.RR) bool {
			return !slices.Contains([]uint16{dns.TypeSRV, dns.TypeTXT, dns.TypeA, dns.TypeAAAA}, rr.Header().Rrtype) ||
				rr.Header().Class&flush != 0
		})
	}},
	{"6762 §8.3, §10.2", "announced shared records don't have the cache-flush bit", func(b *bench) {
		b.eachAnnounced(func(rr dns.RR) bool {
			shared := rr.Header().Rrtype == dns.TypePTR && !strings.HasSuffix(rr.Header().Name, ".arpa.")
			return !shared || rr.Header().Class&flush == 0
		})
	}},
	{"6762 §8.1, §9", "a name that another host answers for while it is probed is given up", func(b *bench) {
		b.start(desk())
		heard := b.defend(4 * time.Second)
		b.expectNothing(answers(heard), deskName, dns.TypeSRV)
	}},
	{"6762 §9, 6763 §D", "a service whose name is taken gets another name", func(b *bench) {
		b.start(desk())
		b.awaitOtherName(b.defend(4 * time.Second))
	}},
	{"6762 §8.1", "an answer of another host before the first probe does not count", func(b *bench) {
		if b.slack > 0 {
			b.skipf("when the first probe comes is not known")
		}
		b.start(desk())
		b.respond(srv(deskName, 0, 9, "rival.local.", hostTTL))
		b.awaitAnnouncement()
	}},
	{"6762 §8.2", "the loser of a simultaneous probe waits a second, then probes again", func(b *bench) {
		b.start(desk())
		lost, again := b.simultaneous(srv(deskName, 0xFFFF, 0xFFFF, "rival.local.", hostTTL))
		b.after("it probed again", again.Sub(lost), time.Second, 1300*time.Millisecond)
	}},
	{"6762 §8.2", "the loser of a simultaneous probe keeps the name if the winner disappears", func(b *bench) {
		b.start(desk())
		b.simultaneous(srv(deskName, 0xFFFF, 0xFFFF, "rival.local.", hostTTL))
		b.awaitAnnouncement()
	}},
	{"6762 §8.2", "the winner of a simultaneous probe goes on", func(b *bench) {
		b.start(desk())
		won, again := b.simultaneous(txt(deskName, ptrTTL, ""))
		b.within("it probed again", again.Sub(won), probeGap-20*time.Millisecond, probeGap+20*time.Millisecond)
		b.within("it announced", b.lastOf(b.awaitAnnouncement()).At.Sub(won), 0, 900*time.Millisecond)
	}},
	{"6762 §8.2", "a simultaneous probe with the same data is no conflict", func(b *bench) {
		b.start(desk())
		first := true
		heard := b.each(2*time.Second, func(p packet) {
			if isProbe(p, deskName) && first {
				first = false
				b.sendRaw(b.peer(0), b.group(), p.Data)
			}
		})
		announced := find(answers(heard), deskName, dns.TypeSRV)
		if len(announced) == 0 {
			b.failf("not announced within two seconds; heard %s", describe(heard))
		}
		b.within("it was announced", announced[0].packet.At.Sub(probes(heard, deskName)[0].At), 0, time.Second)
	}},
	{"6762 §8.1", "after fifteen conflicts within ten seconds, five seconds pass between attempts", func(b *bench) {
		b.start(desk())
		tried := map[string]bool{}
		var attempts []time.Time
		b.each(40*time.Second, func(p packet) {
			for _, q := range p.Question {
				if !strings.HasSuffix(q.Name, "."+phoneName) || !isProbe(p, q.Name) {
					continue
				}
				if !tried[q.Name] {
					tried[q.Name] = true
					attempts = append(attempts, p.At)
				}
				b.respond(srv(q.Name, 0, 9, "rival.local.", hostTTL))
			}
		})
		if len(attempts) < 2 {
			b.failf("it tried %d names", len(attempts))
		}
		for i := 15; i < len(attempts); i++ {
			if attempts[i-1].Sub(attempts[i-15]) < 10*time.Second && attempts[i].Sub(attempts[i-1]) < 5*time.Second-b.slack {
				b.failf("attempt %d came %v after the one before", i+1, attempts[i].Sub(attempts[i-1]))
			}
		}
	}},
	{"6762 §8.2, §14", "own packets that are reflected are no conflict", func(b *bench) {
		b.start(desk())
		heard := b.each(settling, func(p packet) { b.sendRaw(b.responder(), b.group(), p.Data) })
		b.expect(answers(heard), deskName, dns.TypeSRV)
		if n := len(probes(heard, deskName)); n != 3 {
			b.failf("%d probes", n)
		}
	}},
}

// theProbes starts the responder, if need be, and returns the probes for the desk that come before it is announced.
func (b *bench) theProbes() []packet {
	if b.began.IsZero() {
		b.start(desk())
	}
	all := probes(b.awaitAnnouncement(), deskName)
	if len(all) == 0 {
		b.failf("no probe")
	}
	return all
}

func (b *bench) eachProbeQuestion(good func(dns.Question) bool) {
	for _, p := range b.theProbes() {
		for _, q := range p.Question {
			if !good(q) {
				b.failf("type %s, class %#x for %s", dns.TypeToString[q.Qtype], q.Qclass, q.Name)
			}
		}
	}
}

// announcements returns the times of the announcements of the desk's SRV record.
func (b *bench) announcements() []time.Time {
	b.start(desk())
	heard := append(b.awaitAnnouncement(), b.listen(30*time.Second)...)
	var times []time.Time
	for _, f := range find(answers(heard), deskName, dns.TypeSRV) {
		times = append(times, f.packet.At)
	}
	return times
}

func (b *bench) eachAnnounced(good func(dns.RR) bool) {
	b.start(desk())
	for _, f := range answers(append(b.awaitAnnouncement(), b.listen(2*time.Second)...)) {
		if !good(f.RR) {
			b.failf("%v", f.RR)
		}
	}
}

// defend answers every probe for the desk's name with another host's record, for a time.
func (b *bench) defend(d time.Duration) []packet {
	return b.each(d, func(p packet) {
		if isProbe(p, deskName) {
			b.respond(srv(deskName, 0, 9, "rival.local.", hostTTL), txt(deskName, ptrTTL, "rival=yes"))
		}
	})
}

// awaitOtherName waits until the desk is announced under another name.
func (b *bench) awaitOtherName(heard []packet) string {
	heard = append(heard, b.defend(10*time.Second)...)
	for _, f := range find(answers(heard), phoneName, dns.TypePTR) {
		if target := f.RR.(*dns.PTR).Ptr; !strings.EqualFold(target, deskName) {
			return target
		}
	}
	b.failf("no other name within 10 s; heard %s", describe(heard))
	return ""
}

// simultaneous answers the first probe for the desk with another host's, and returns the times of that and of the
// next probe.
func (b *bench) simultaneous(record dns.RR) (met, again time.Time) {
	for end := b.lab.Now().Add(10 * time.Second); ; {
		p, ok := b.next(end)
		if !ok && met.IsZero() {
			b.failf("no probe within ten seconds")
		}
		if !ok {
			b.failf("no other probe within five seconds")
		}
		if !isProbe(p, deskName) {
			continue
		}
		if !met.IsZero() {
			return met, p.At
		}
		met = p.At
		end = met.Add(5 * time.Second)
		m := query(deskName, dns.TypeANY)
		record.Header().Class &^= flush
		m.Ns = []dns.RR{record}
		b.ask(m)
	}
}

func (b *bench) lastOf(packets []packet) packet { return packets[len(packets)-1] }

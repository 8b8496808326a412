package conformance

import (
	"net/netip"
	"slices"
	"time"

	"github.com/miekg/dns"

	"announcer/internal/publication"
	"announcer/services"
)

// The sleeps of the checks: one that half of the shortest TTL is over by the end of, and one that no cache notices.
const (
	sleep = 75 * time.Second
	nap   = 20 * time.Second
)

// movedTo are the addresses that the responder's interface has after a move.
var movedTo = []netip.Prefix{netip.MustParsePrefix("192.0.2.7/24"), netip.MustParsePrefix("2001:db8::7/64")}

var lifeChecks = []Check{
	{"6762 §8", "after a sleep of 75 s, probes and announcements are sent within 1.3 s", func(b *bench) {
		b.settle(desk())
		woke, heard := b.sleepFor(sleep)
		if n := len(probes(heard, deskName)); n != 3 {
			b.failf("%d probes; heard %s", n, describe(heard))
		}
		for name, kind := range map[string]uint16{deskName: dns.TypeSRV, hostName: dns.TypeA} {
			b.after("it announced "+name, b.expect(answers(heard), name, kind).packet.At.Sub(woke), 0, 1300*time.Millisecond)
		}
	}},
	{"6762 §8", "a sleep of 75 s causes no goodbye", func(b *bench) {
		b.settle(desk())
		_, heard := b.sleepFor(sleep)
		for _, f := range answers(heard) {
			if f.Header().Ttl == 0 {
				b.failf("heard %s", describePacket(f.packet))
			}
		}
	}},
	{"6762 §8", "after a sleep with a change of addresses, only the new ones are announced", func(b *bench) {
		b.settle(desk())
		b.must("suspend the responder", b.lab.Suspend())
		b.listen(sleep)
		b.must("change the addresses", b.lab.SetAddresses(movedTo...))
		b.must("resume the responder", b.lab.Resume())
		all := records(b.listen(5 * time.Second))
		b.expect(all, hostName, dns.TypeA)
		for _, f := range slices.Concat(find(all, hostName, dns.TypeA), find(all, hostName, dns.TypeAAAA)) {
			if a := addressOf(f.RR); slices.ContainsFunc(b.global(), func(old netip.Prefix) bool { return old.Addr() == a }) {
				b.failf("heard %s", describePacket(f.packet))
			}
		}
	}},
	{"6762 §8", "after a sleep of 20 s, which no cache notices, nothing is announced again", func(b *bench) {
		b.settle(desk())
		_, heard := b.sleepFor(nap)
		if len(probes(heard, deskName)) > 0 || len(responses(heard)) > 0 {
			b.failf("heard %s", describe(heard))
		}
	}},
	{"6762 §8, §10.1", "a new name of the machine is followed within 2 s: a goodbye for the old one, probes for the new one", func(b *bench) {
		b.setup = Setup{Groups: []services.Group{desk()}}
		b.must("start the responder", b.lab.Start(b.setup))
		b.awaitAnnouncement()
		b.listen(settling)
		named := b.lab.Now()
		b.must("name the machine", b.lab.SetHostName("switchboard"))
		heard := b.listen(6 * time.Second)
		gone := goodbyes(records(heard), hostName, dns.TypeA)
		if len(gone) == 0 {
			b.failf("no goodbye for the old name; heard %s", describe(heard))
		}
		b.after("the old name said goodbye", gone[0].packet.At.Sub(named), 0, 2*time.Second)
		probed := probes(heard, "switchboard.local.")
		if len(probed) == 0 {
			b.failf("no probe for the new name; heard %s", describe(heard))
		}
		b.after("the new name was probed for", probed[0].At.Sub(named), 0, 2*time.Second)
		b.expect(answers(heard), "switchboard.local.", dns.TypeA)
		if f := b.expect(answers(heard), deskName, dns.TypeSRV); f.RR.(*dns.SRV).Target != "switchboard.local." {
			b.failf("%v", f.RR)
		}
	}},
	{"6762 §8.2", "the loser of a simultaneous probe by one IP version does not announce by the other meanwhile", func(b *bench) {
		b.start(desk())
		lost := b.loseSimultaneousProbe(srv(deskName, 0xFFFF, 0xFFFF, "rival.local.", hostTTL))
		for end := lost.Add(900 * time.Millisecond); ; {
			p, ok := b.nextOfAny(end)
			if !ok {
				break
			}
			b.expectNothing(answers([]packet{p}), deskName, dns.TypeSRV)
		}
	}},
	{"6762 §8.2, §9", "own data from before a change, sent back by another host, is no conflict", func(b *bench) {
		before := b.announcementOf(deskName, dns.TypeTXT)
		b.change(withTXT(desk(), "changed=yes"))
		b.echo(before, deskName, b.peer(1), 3*time.Second)
		b.echo(before, deskName, b.responder(), 20*time.Second)
		b.expect(answers(b.answerTo(query(deskName, dns.TypeSRV))), deskName, dns.TypeSRV)
	}},
	{"6762 §8.2, §9", "a previous address, sent back by another host, is no conflict", func(b *bench) {
		before := b.announcementOf(hostName, map[publication.IPVersion]uint16{publication.V4: dns.TypeA, publication.V6: dns.TypeAAAA}[b.v])
		b.must("change the addresses", b.lab.SetAddresses(movedTo...))
		b.listen(settling)
		b.echo(before, hostName, b.peer(1), 3*time.Second)
		b.echo(before, hostName, b.peer(1), 20*time.Second)
		b.expect(answers(b.answerTo(query(deskName, dns.TypeSRV))), deskName, dns.TypeSRV)
	}},
	{"6762 §9", "new data of another host after a change is a conflict", func(b *bench) {
		b.settle(desk())
		b.change(withTXT(desk(), "changed=yes"))
		b.respond(srv(deskName, 0, 9, "rival.local.", hostTTL))
		if heard := b.listen(3 * time.Second); len(probes(heard, deskName)) == 0 {
			b.failf("heard %s", describe(heard))
		}
	}},
	{"6762 §10.1", "a restart sends no goodbye for what it announces again", func(b *bench) {
		b.settle(desk())
		b.must("restart the responder", b.lab.Restart())
		heard := b.listen(5 * time.Second)
		b.expect(answers(heard), deskName, dns.TypeSRV)
		for _, f := range answers(heard) {
			if f.Header().Ttl == 0 {
				b.failf("heard %s", describePacket(f.packet))
			}
		}
	}},
}

// loseSimultaneousProbe answers the first probe for the desk with another host's, and returns when.
func (b *bench) loseSimultaneousProbe(record dns.RR) time.Time {
	for end := b.lab.Now().Add(10 * time.Second); ; {
		p, ok := b.next(end)
		if !ok {
			b.failf("no probe within ten seconds")
		}
		if !isProbe(p, deskName) {
			continue
		}
		m := query(deskName, dns.TypeANY)
		record.Header().Class &^= flush
		m.Ns = []dns.RR{record}
		b.ask(m)
		return p.At
	}
}

// announcementOf starts the responder and returns the packet that announces a record.
func (b *bench) announcementOf(name string, kind uint16) packet {
	b.start(desk())
	heard := append(b.awaitAnnouncement(), b.listen(settling)...)
	return b.expect(answers(heard), name, kind).packet
}

// echo sends a packet back after a time, and fails where the responder doubts that a name is its own.
func (b *bench) echo(p packet, name string, from netip.AddrPort, after time.Duration) {
	b.listen(after)
	b.sendRaw(from, b.group(), p.Data)
	if heard := b.listen(3 * time.Second); len(probes(heard, name)) > 0 {
		b.failf("sent back after %v by %v: heard %s", after, from.Addr(), describe(heard))
	}
}

// sleepFor makes the responder sleep, and returns when it woke and what is heard then.
func (b *bench) sleepFor(d time.Duration) (woke time.Time, heard []packet) {
	b.must("suspend the responder", b.lab.Suspend())
	b.listen(d)
	woke = b.lab.Now()
	b.must("resume the responder", b.lab.Resume())
	return woke, b.listen(3 * time.Second)
}

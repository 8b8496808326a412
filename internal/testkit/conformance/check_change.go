package conformance

import (
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"announcer/internal/dnsname"
	"announcer/services"
)

var changeChecks = []Check{
	{"6762 §8.4", "a changed TXT record is announced with the cache-flush bit", func(b *bench) {
		b.settle(desk())
		all := answers(b.change(withTXT(desk(), "changed=yes")))
		f := b.expect(all, deskName, dns.TypeTXT)
		if got := f.RR.(*dns.TXT).Txt; !slices.Equal(got, []string{"changed=yes"}) || f.Header().Class&flush == 0 {
			b.failf("%v", f.RR)
		}
	}},
	{"6762 §8.4", "a change of data needs no goodbye and no new probe", func(b *bench) {
		b.settle(desk())
		heard := b.change(withTXT(desk(), "changed=yes"))
		if len(probes(heard, deskName)) > 0 || len(goodbyes(answers(heard), deskName, dns.TypeTXT)) > 0 ||
			len(goodbyes(answers(heard), phoneName, dns.TypePTR)) > 0 {
			b.failf("heard %s", describe(heard))
		}
	}},
	{"6762 §8.4", "after a change only the new data is answered", func(b *bench) {
		b.settle(desk())
		b.change(withTXT(desk(), "changed=yes"))
		f := b.expect(answers(b.answerTo(query(deskName, dns.TypeTXT))), deskName, dns.TypeTXT)
		if got := f.RR.(*dns.TXT).Txt; !slices.Equal(got, []string{"changed=yes"}) {
			b.failf("%v", f.RR)
		}
	}},
	{"6762 §10.1", "a goodbye for a removed service is sent at once", func(b *bench) {
		b.settle(desk(), group("Other"))
		changed := b.lab.Now()
		f := b.expectGoodbye(b.change(group("Other")))
		b.after("the goodbye came", f.packet.At.Sub(changed), 0, 300*time.Millisecond)
	}},
	{"6762 §10.1", "the goodbye is repeated after a second", func(b *bench) {
		b.settle(desk(), group("Other"))
		all := pointing(goodbyes(answers(b.change(group("Other"))), phoneName, dns.TypePTR), deskName)
		if len(all) < 2 {
			b.failf("%d goodbyes", len(all))
		}
		b.within("the second came", all[1].packet.At.Sub(all[0].packet.At), time.Second, 1200*time.Millisecond)
	}},
	{"6762 §10.1", "goodbyes are also sent for SRV and TXT", func(b *bench) {
		b.settle(desk(), group("Other"))
		all := answers(b.change(group("Other")))
		if len(goodbyes(all, deskName, dns.TypeSRV)) == 0 || len(goodbyes(all, deskName, dns.TypeTXT)) == 0 {
			b.failf("heard %s", describeFound(all))
		}
	}},
	{"6762 §10.1", "no goodbye is sent for records that other services need", func(b *bench) {
		b.settle(desk(), group("Other"))
		all := records(b.change(group("Other")))
		gone := slices.Concat(goodbyes(all, hostName, dns.TypeA), goodbyes(all, hostName, dns.TypeAAAA), goodbyes(all, metaName, dns.TypePTR),
			pointing(goodbyes(all, phoneName, dns.TypePTR), instanceOf(group("Other"))))
		if len(gone) > 0 {
			b.failf("heard %s", describeFound(gone))
		}
	}},
	{"6762 §10.1", "with the last service of a type, the type is withdrawn", func(b *bench) {
		other := group("Other")
		other.Services[0].Type = dnsname.MustParse("_ipp._tcp")
		b.settle(desk(), other)
		all := goodbyes(answers(b.change(other)), metaName, dns.TypePTR)
		if len(pointing(all, phoneName)) == 0 {
			b.failf("no goodbye for the type")
		}
	}},
	{"6762 §10.1", "a service that was removed is not answered", func(b *bench) {
		b.settle(desk(), group("Other"))
		b.change(group("Other"))
		heard := append(b.answerTo(query(deskName, dns.TypeANY)), b.answerTo(query(phoneName, dns.TypePTR))...)
		all := records(heard)
		if len(find(all, deskName, dns.TypeSRV)) > 0 || len(pointing(find(all, phoneName, dns.TypePTR), deskName)) > 0 {
			b.failf("heard %s", describe(heard))
		}
	}},
	{"6762 §10.1", "after a removed service is back, no goodbye is sent for it", func(b *bench) {
		b.settle(desk(), group("Other"))
		b.must("remove a service", b.lab.Apply(Setup{hostLabel, []services.Group{group("Other")}}))
		b.listen(300 * time.Millisecond)
		b.must("add a service", b.lab.Apply(Setup{hostLabel, []services.Group{desk(), group("Other")}}))
		heard := b.listen(5 * time.Second)
		announced := pointing(find(answers(heard), phoneName, dns.TypePTR), deskName)
		if len(announced) == 0 {
			b.failf("it was not announced again; heard %s", describe(heard))
		}
		for _, f := range pointing(goodbyes(answers(heard), phoneName, dns.TypePTR), deskName) {
			if f.packet.At.After(announced[0].packet.At) {
				b.failf("a goodbye after the announcement: %s", describePacket(f.packet))
			}
		}
	}},
	{"6762 §8.1", "a service that is added is probed for and announced", func(b *bench) {
		b.settle(group("Other"))
		heard := b.change(group("Other"), desk())
		b.expect(answers(heard), deskName, dns.TypeSRV)
		if n := len(probes(heard, deskName)); n != 3 {
			b.failf("%d probes", n)
		}
	}},
	{"6762 §8.4", "a service that is added leaves the others alone", func(b *bench) {
		b.settle(group("Other"))
		heard := b.change(group("Other"), desk())
		name := instanceOf(group("Other"))
		if len(probes(heard, name)) > 0 || len(find(answers(heard), name, dns.TypeSRV)) > 0 {
			b.failf("heard %s", describe(heard))
		}
	}},
	{"6762 §10.1", "at the end goodbyes for all services are sent within a second", func(b *bench) {
		b.settle(desk())
		b.must("stop the responder", b.lab.Stop())
		all := answers(b.listen(time.Second + b.slack))
		b.expectGoodbyeIn(all)
		if len(goodbyes(all, deskName, dns.TypeSRV)) == 0 || len(goodbyes(all, deskName, dns.TypeTXT)) == 0 {
			b.failf("heard %s", describeFound(all))
		}
	}},
	{"6762 §10.1", "at the end goodbyes for the host's addresses are sent", func(b *bench) {
		b.settle(desk())
		b.must("stop the responder", b.lab.Stop())
		all := records(b.listen(time.Second + b.slack))
		if len(goodbyes(all, hostName, dns.TypeA)) == 0 || len(goodbyes(all, hostName, dns.TypeAAAA)) == 0 {
			b.failf("heard %s", describeFound(all))
		}
	}},
	{"6762 §10.1", "after the end nothing is answered", func(b *bench) {
		b.settle(desk())
		b.must("stop the responder", b.lab.Stop())
		b.listen(3 * time.Second)
		if heard := b.answerTo(query(deskName, dns.TypeANY)); len(heard) > 0 {
			b.failf("heard %s", describe(heard))
		}
	}},
	{"6762 §9", "a conflicting record after the announcement leads to a new probe", func(b *bench) {
		b.settle(desk())
		b.respond(srv(deskName, 0, 9, "rival.local.", hostTTL))
		heard := b.listen(3 * time.Second)
		if len(probes(heard, deskName)) == 0 {
			b.failf("heard %s", describe(heard))
		}
	}},
	{"6762 §9", "if no host defends the other record, the name is kept", func(b *bench) {
		b.settle(desk())
		b.respond(srv(deskName, 0, 9, "rival.local.", hostTTL))
		b.listen(5 * time.Second)
		f := b.expect(answers(b.answerTo(query(deskName, dns.TypeSRV))), deskName, dns.TypeSRV)
		if f.RR.(*dns.SRV).Port != servicePort {
			b.failf("%v", f.RR)
		}
	}},
	{"6762 §9", "if the other host defends its record, the service gets another name", func(b *bench) {
		b.settle(desk())
		b.respond(srv(deskName, 0, 9, "rival.local.", hostTTL), txt(deskName, ptrTTL, "rival=yes"))
		b.awaitOtherName(b.defend(4 * time.Second))
	}},
	{"6762 §9", "a conflict over the host's name is detected", func(b *bench) {
		b.settle(desk())
		b.respond(address(hostName, b.peer(0).Addr(), hostTTL))
		heard := b.listen(3 * time.Second)
		if len(probes(heard, hostName)) == 0 {
			b.failf("heard %s", describe(heard))
		}
	}},
	{"6762 §9", "a host whose name is taken gets another name, and SRV follows", func(b *bench) {
		b.settle(desk())
		rival := address(hostName, b.peer(0).Addr(), hostTTL)
		b.respond(rival)
		heard := b.each(12*time.Second, func(p packet) {
			if isProbe(p, hostName) {
				b.respond(rival)
			}
		})
		var last string
		for _, f := range find(answers(heard), deskName, dns.TypeSRV) {
			last = f.RR.(*dns.SRV).Target
		}
		if last == "" || strings.EqualFold(last, hostName) {
			b.failf("the last SRV record names %q; heard %s", last, describe(heard))
		}
		b.expect(records(b.answerTo(query(last, dns.TypeA))), last, dns.TypeA)
	}},
	{"6762 §9", "an address of another host under another name is no conflict", func(b *bench) {
		b.settle(desk())
		b.respond(address("rival.local.", b.peer(0).Addr(), hostTTL))
		if heard := b.listen(3 * time.Second); len(probes(heard, hostName)) > 0 {
			b.failf("heard %s", describe(heard))
		}
	}},
	{"6762 §10.1", "a goodbye of another host for a record of ours is answered by announcing it", func(b *bench) {
		b.settle(desk())
		b.respond(ptr(phoneName, deskName, 0))
		b.expect(answers(b.listen(2500*time.Millisecond)), phoneName, dns.TypePTR)
	}},
	{"6762 §9", "a shared record of another host is no conflict", func(b *bench) {
		b.settle(desk())
		b.respond(ptr(phoneName, "rival."+phoneName, ptrTTL))
		if heard := b.listen(3 * time.Second); len(heard) > 0 {
			b.failf("heard %s", describe(heard))
		}
	}},
}

// change applies other services and returns what is heard in the seconds after.
func (b *bench) change(groups ...services.Group) []packet {
	b.must("change the services", b.lab.Apply(Setup{hostLabel, groups}))
	return b.listen(5 * time.Second)
}

// expectGoodbye returns the first goodbye for the desk.
func (b *bench) expectGoodbye(heard []packet) found { return b.expectGoodbyeIn(answers(heard)) }

func (b *bench) expectGoodbyeIn(all []found) found {
	of := pointing(goodbyes(all, phoneName, dns.TypePTR), deskName)
	if len(of) == 0 {
		b.failf("no goodbye; heard %s", describeFound(all))
	}
	return of[0]
}

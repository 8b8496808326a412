package conformance

import (
	"strings"

	"github.com/miekg/dns"
)

var recordChecks = []Check{
	{"6763 §9", "the PTR record of a service type has a TTL of 4500 s", ttlOf(metaName, dns.TypePTR, ptrTTL)},
	{"6762 §10", "the PTR record of an instance has a TTL of 4500 s", ttlOf(phoneName, dns.TypePTR, ptrTTL)},
	{"6762 §10", "an SRV record has a TTL of 120 s", ttlOf(deskName, dns.TypeSRV, hostTTL)},
	{"6762 §10", "a TXT record has a TTL of 4500 s", ttlOf(deskName, dns.TypeTXT, ptrTTL)},
	{"6762 §10", "an address has a TTL of 120 s", ttlOf(hostName, dns.TypeA, hostTTL)},
	{"6762 §10", "a reverse name has a TTL of 120 s", func(b *bench) {
		reverse, err := dns.ReverseAddr(b.responder().Addr().String())
		b.must("name the address", err)
		ttlOf(reverse, dns.TypePTR, hostTTL)(b)
	}},
	{"6763 §5", "the SRV record has priority 0, weight 0, the port and the host", func(b *bench) {
		b.settle(desk())
		s := b.expect(answers(b.answerTo(query(deskName, dns.TypeSRV))), deskName, dns.TypeSRV).RR.(*dns.SRV)
		if s.Priority != 0 || s.Weight != 0 || s.Port != servicePort || !strings.EqualFold(s.Target, hostName) {
			b.failf("%v", s)
		}
	}},
	{"6763 §6", "the TXT strings are in the order given, byte by byte", holdsTXT("b=2", "a=1", "empty=", "flag", "A=again", `back\slash "quoted"`)},
	{"6763 §6.5", "TXT strings may hold any bytes", holdsTXT("bin=\x00\x01\xFF\xC3", "utf8=Büro")},
	{"6763 §6.1", "a TXT string of 255 bytes, the maximum, is published", holdsTXT("k="+strings.Repeat("v", 253), "b=2")},
	{"6763 §6.1", "a TXT record without strings is one zero byte", func(b *bench) {
		g := withTXT(desk())
		b.settle(g)
		f := b.expect(answers(b.answerTo(query(deskName, dns.TypeTXT))), deskName, dns.TypeTXT)
		if n := f.Header().Rdlength; n != 1 {
			b.failf("it has %d bytes: %v", n, f.RR)
		}
	}},
	{"6762 §10.2, 6763 §4.1", "the PTR record of a service type points to the instance", func(b *bench) {
		b.settle(desk())
		if all := find(answers(b.answerTo(query(phoneName, dns.TypePTR))), phoneName, dns.TypePTR); len(pointing(all, deskName)) != 1 {
			b.failf("heard %s", describeFound(all))
		}
	}},
	{"6763 §4.1.1", "an instance name of 63 bytes, the maximum, is published", func(b *bench) {
		g := group(strings.Repeat("ü", 31) + "!")
		b.settle(g)
		b.expect(answers(b.answerTo(query(instanceOf(g), dns.TypeSRV))), instanceOf(g), dns.TypeSRV)
	}},
	{"6763 §5", "a service on port 0 is published", func(b *bench) {
		g := desk()
		g.Services[0].Port = 0
		b.settle(g)
		if s := b.expect(answers(b.answerTo(query(deskName, dns.TypeSRV))), deskName, dns.TypeSRV).RR.(*dns.SRV); s.Port != 0 {
			b.failf("%v", s)
		}
	}},
}

func ttlOf(name string, kind uint16, ttl uint32) func(*bench) {
	return func(b *bench) {
		b.settle(desk())
		f := b.expect(answers(b.answerTo(query(name, kind))), name, kind)
		if got := f.Header().Ttl; got != ttl {
			b.failf("TTL %d", got)
		}
	}
}

func holdsTXT(strs ...string) func(*bench) {
	return func(b *bench) {
		b.settle(withTXT(desk(), strs...))
		got := b.expect(answers(b.answerTo(query(deskName, dns.TypeTXT))), deskName, dns.TypeTXT).RR.(*dns.TXT)
		want := txt(deskName, ptrTTL, strs...)
		if strings.Join(got.Txt, "|") != strings.Join(want.Txt, "|") {
			b.failf("%q; want %q", got.Txt, want.Txt)
		}
	}
}

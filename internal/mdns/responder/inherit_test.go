package responder

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"announcer/internal/mdns"
	"announcer/internal/publication"
	"announcer/services"
)

// goodbyes lists the records for which a host has sent goodbyes on a link, sorted, each once.
func (l *lab) goodbyes(h *host, v publication.IPVersion) []string {
	var gone []mdns.Record
	for _, s := range l.of(h, isResponse) {
		for _, r := range s.msg.Answers {
			if r.TTL == 0 && s.Version == v {
				gone = append(gone, r)
			}
		}
	}
	return slices.Compact(brief(gone))
}

// predecessor returns a host that has announced a service for a minute and ended without a goodbye, as before an upgrade.
func predecessor(t *testing.T, pubs ...publication.Publication) (*lab, *host) {
	l := newLab(t)
	h := l.host("pbx", dual())
	h.apply(pubs...)
	l.run(time.Minute)
	l.mark()
	return l, h
}

// What the process before announced gets its goodbye from the next one, if that ends before it has announced it too.
func TestStoppedBeforeItHasAnnounced(t *testing.T) {
	for _, after := range []time.Duration{0, 10 * ms, 200 * ms, 500 * ms, 800 * ms, 900 * ms, time.Second, 3 * time.Second} {
		t.Run(after.String(), func(t *testing.T) {
			l, h := predecessor(t, sip("Desk", 5060))
			before := brief(h.Announced(l.time())[0].Records)
			again := restarted(l, h, time.Second)
			again.apply(sip("Desk", 5060))
			l.run(after)
			if got := l.goodbyes(again, publication.V4); len(got) > 0 {
				t.Errorf("goodbyes before the end: %q", got)
			}
			again.Close(l.time())
			again.tick()
			l.run(2 * time.Second)
			for _, v := range publication.IPVersions() {
				if got := l.goodbyes(again, v); !slices.Equal(got, before) {
					t.Errorf("goodbyes by IPv%d: %q, want %q", v, got, before)
				}
			}
			if !again.Done() {
				t.Error("it does not end")
			}
		})
	}
}

// What is no longer defined after a restart, or not yet, gets its goodbye then; what is, gets none.
func TestGoodbyeForWhatIsNoLongerDefined(t *testing.T) {
	renamed := text("before")
	renamed.Group.Name = "Lobby"
	deskRecords := []string{desk + " SRV 0 0 5060 pbx.local", desk + ` TXT "before"`, sips + " PTR " + desk}
	for _, c := range []struct {
		name string
		now  []publication.Publication
		want []string
	}{
		{"the same", []publication.Publication{text("before")}, nil},
		{"another TXT", []publication.Publication{text("now")}, nil},
		{"another name", []publication.Publication{renamed}, deskRecords},
		{"nothing", nil, append(brief([]mdns.Record{
			record("_services._dns-sd._udp.local", 4500, false, ptr(sips)), record("pbx.local", 120, true, addr("192.0.2.1")), record("pbx.local", 120, true, addr("fe80::1")),
			record("1.2.0.192.in-addr.arpa", 120, true, ptr("pbx.local")), record("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.e.f.ip6.arpa", 120, true, ptr("pbx.local")),
		}), deskRecords...)},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, h := predecessor(t, text("before"))
			again := restarted(l, h, time.Second)
			again.apply(c.now...)
			l.run(inheritTime - ms)
			if got := l.goodbyes(again, publication.V4); len(got) > 0 {
				t.Errorf("goodbyes too soon: %q", got)
			}
			l.run(2 * time.Second)
			for _, v := range publication.IPVersions() {
				if got := l.goodbyes(again, v); !slices.Equal(got, sorted(c.want)) {
					t.Errorf("goodbyes by IPv%d: %q, want %q", v, got, sorted(c.want))
				}
			}
			l.run(5 * time.Second)
			l.mark()
			again.apply()
			l.run(5 * time.Second)
			l.mark()
			again.Close(l.time())
			again.tick()
			l.run(2 * time.Second)
			if got := l.goodbyes(again, publication.V4); len(got) > 0 {
				t.Errorf("goodbyes for what was withdrawn: %q", got)
			}
		})
	}
}

// What another host or another program of this host announces meanwhile is not taken from it.
func TestNoGoodbyeForWhatIsOfOthers(t *testing.T) {
	all := []mdns.Record{record(sips, 4500, false, ptr(desk)), record(desk, 120, true, srv(5060, "pbx.local")), record(desk, 4500, true, mdns.NewTXT("transport=udp"))}
	other := []mdns.Record{record(desk, 120, true, srv(9, "x.local"))}
	service := func(r string) bool { return strings.Contains(r, "Desk") }
	pointer := func(r string) bool { return strings.HasSuffix(r, " PTR "+desk) }
	serviceAndHost := func(r string) bool {
		return service(r) || strings.HasPrefix(r, "pbx.local") || strings.HasSuffix(r, " PTR pbx.local")
	}
	for _, c := range []struct {
		name   string
		src    netip.AddrPort
		shared bool // the port
		says   []mdns.Record
		policy publication.Policy
		spared func(record string) bool
	}{
		{"all, by another host", stranger, false, all, publication.Fail, service},
		{"all, by another program", netip.MustParseAddrPort("192.0.2.1:5353"), true, all, publication.Rename, serviceAndHost},
		{"a shared record", stranger, false, all[:1], publication.Rename, pointer},
		{"our name", stranger, false, other, publication.Fail, service},
		{"our name in standby", stranger, false, other, publication.Standby, service},
		{"the host's addresses", netip.MustParseAddrPort("192.0.2.1:5353"), false, []mdns.Record{record("pbx.local", 120, true, addr("192.0.2.1"))}, publication.Fail,
			func(r string) bool { return serviceAndHost(r) && !service(r) }},
	} {
		for _, defined := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, defined %v", c.name, defined), func(t *testing.T) {
				l, h := predecessor(t, with(sip("Desk", 5060), c.policy))
				want := slices.DeleteFunc(brief(h.Announced(l.time())[0].Records), c.spared)
				again := restarted(l, h, time.Second)
				again.SharePort(c.shared)
				if defined {
					again.apply(with(sip("Desk", 5060), c.policy))
				} else {
					again.apply()
				}
				l.run(400 * ms)
				l.hear(c.src, response(c.says...))
				if defined {
					l.run(ms)
				} else {
					l.run(inheritTime)
				}
				again.Close(l.time())
				again.tick()
				l.run(2 * time.Second)
				if got := l.goodbyes(again, publication.V4); !slices.Equal(got, want) {
					t.Errorf("goodbyes %q, want %q", got, want)
				}
			})
		}
	}
}

// What was inherited is handed on by a process that ends without goodbyes itself.
func TestInheritedTwice(t *testing.T) {
	l, h := predecessor(t, sip("Desk", 5060))
	before := brief(h.Announced(l.time())[0].Records)
	for range 3 {
		h = restarted(l, h, time.Second)
		h.apply(sip("Desk", 5060))
		l.run(300 * ms)
	}
	if got := brief(h.Announced(l.time())[0].Owed); !slices.Equal(got, before) {
		t.Errorf("it hands on %q, want %q", got, before)
	}
	h.Close(l.time())
	h.tick()
	l.run(2 * time.Second)
	if got := l.goodbyes(h, publication.V4); !slices.Equal(got, before) {
		t.Errorf("goodbyes %q, want %q", got, before)
	}
	if got := h.Announced(l.time()); len(got) > 0 {
		t.Errorf("it hands on %v after its goodbyes", got)
	}
}

// A link that comes later gets its goodbyes too, as long as caches may hold what was announced there, whatever the number of
// processes since.
func TestInheritedOnALinkThatComesLater(t *testing.T) {
	long := []string{desk + ` TXT "transport=udp"`, "_services._dns-sd._udp.local PTR " + sips, sips + " PTR " + desk}
	for _, c := range []struct {
		down, late time.Duration
		restarts   int
		want       []string
	}{
		{time.Second, 10 * time.Minute, 1, long},
		{10 * time.Minute, time.Second, 1, long},
		{time.Second, 10 * time.Minute, 3, long},
		{10 * time.Minute, 10 * time.Minute, 3, long},
		{time.Second, 74 * time.Minute, 1, long},
		{time.Second, 76 * time.Minute, 1, nil},
		{30 * time.Minute, 30 * time.Minute, 3, nil},
		{76 * time.Minute, time.Second, 1, nil},
	} {
		t.Run(fmt.Sprintf("%d restarts after %v, the link %v later", c.restarts, c.down, c.late), func(t *testing.T) {
			l, h := predecessor(t, sip("Desk", 5060))
			links := h.links
			for range c.restarts {
				h = restarted(l, h, c.down)
				h.links = nil
				h.apply()
			}
			l.run(c.late)
			h.links = links
			h.apply()
			l.run(20 * time.Second)
			for _, v := range publication.IPVersions() {
				if got := l.goodbyes(h, v); !slices.Equal(got, c.want) {
					t.Errorf("goodbyes by IPv%d %q, want %q", v, got, c.want)
				}
			}
			if len(h.estate.legs)+h.estate.size > 0 {
				t.Errorf("%d records on %d links are kept", h.estate.size, len(h.estate.legs))
			}
		})
	}
}

// failing returns a link on which nothing can be sent by some IP versions.
func failing(l publication.Link, versions ...publication.IPVersion) publication.Link {
	for _, v := range versions {
		l.Faults = append(l.Faults, publication.Fault{Version: v})
	}
	return l
}

// by returns a publication for one IP version.
func by(p publication.Publication, protocol services.Protocol) publication.Publication {
	p.Group.Services[0].Protocol = protocol
	return p
}

// What an IP version of a link that has gone owes is said by the other one, when that can send, unless it is announced again.
func TestGoodbyeByTheOtherIPVersion(t *testing.T) {
	both, only4, only6 := dual(), ethernet("192.0.2.1/24"), ethernet("fe80::1/64")
	by4, by6 := failing(both, publication.V6), failing(both, publication.V4)
	none := failing(both, publication.V4, publication.V6)
	renamed, bridge := only6, only6
	renamed.Name = "lan0"
	bridge.Index, bridge.Name, bridge.Carriers = 3, "br0", []publication.Carrier{{Index: 3, Name: "br0"}, {Index: 2, Name: "eth0"}}
	desk, four, six := sip("Desk", 5060), by(sip("Four", 5060), services.IPv4), by(sip("Six", 5060), services.IPv6)
	all := []publication.Publication{desk, four, six}
	const short, long = time.Minute, 3 * time.Minute // the host's records are in caches for two
	of4 := []string{"1.2.0.192.in-addr.arpa PTR pbx.local", "Four._sip._udp.local SRV 0 0 5060 pbx.local", `Four._sip._udp.local TXT "transport=udp"`,
		sips + " PTR Four._sip._udp.local", "pbx.local A 192.0.2.1"}
	of6 := []string{"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.e.f.ip6.arpa PTR pbx.local", "Six._sip._udp.local SRV 0 0 5060 pbx.local",
		`Six._sip._udp.local TXT "transport=udp"`, sips + " PTR Six._sip._udp.local", "pbx.local AAAA fe80::1"}
	type step struct {
		link  publication.Link
		lasts time.Duration
	}
	for _, c := range []struct {
		name  string
		steps []step
		last  publication.Link
		now   []publication.Publication // at last
		want  []string                  // by each IP version that can send at last
	}{
		{"IPv4 goes", nil, only6, all, of4},
		{"IPv6 goes", nil, only4, all, of6},
		{"IPv6 can't send, then IPv4 goes", []step{{by4, long}, {failing(only6, publication.V6), short}}, only6, all, of4},
		{"IPv4 can't send, then IPv6 goes", []step{{by6, long}, {failing(only4, publication.V4), short}}, only4, all, of6},
		{"IPv6 can't send, then the link goes", []step{{by4, long}, {none, short}}, only6, all, of4},
		{"the link is back without IPv4", []step{{publication.Link{}, short}}, only6, all, of4},
		{"the link is back without IPv6", []step{{publication.Link{}, short}}, only4, all, of6},
		{"the link is back without IPv4, with another name", []step{{publication.Link{}, short}}, renamed, all, of4},
		{"IPv4 goes and the name changes", nil, renamed, all, of4},
		{"a bridge is there instead, without IPv4", []step{{publication.Link{}, short}}, bridge, all, of4},
		{"the link is back without IPv4, nothing is defined for IPv4", []step{{publication.Link{}, short}}, only6, []publication.Publication{desk, six}, of4},
		{"the link is back, then IPv6 later", []step{{publication.Link{}, short}, {by4, 2 * inheritTime}}, both, all, nil},
		{"the link is back, then IPv4 later", []step{{publication.Link{}, short}, {by6, 2 * inheritTime}}, both, all, nil},
		{"IPv4 is back first", []step{{by4, long}, {none, short}, {by4, short}}, both, all, nil},
		{"IPv6 is back first", []step{{by6, long}, {none, short}, {by6, short}}, both, all, nil},
		{"both are back", []step{{by4, long}, {none, short}}, both, all, nil},
		{"IPv4 is back before the goodbye", []step{{only6, inheritTime / 2}}, both, all, nil},
		{"IPv6 is back before the goodbye", []step{{only4, inheritTime / 2}}, both, all, nil},
		{"IPv4 is back just before the goodbye", []step{{only6, inheritTime - ms}}, both, all, nil},
		{"IPv6 is back just before the goodbye", []step{{only4, inheritTime - ms}}, both, all, nil},
		{"what both announced is for IPv4 now", []step{{by4, short}}, both, []publication.Publication{by(sip("Desk", 5060), services.IPv4), four, six}, nil},
		{"what IPv4 announces, too", nil, both, []publication.Publication{by(sip("Desk", 5060), services.IPv4), four, six}, nil},
		{"what IPv6 announces, too", nil, both, []publication.Publication{by(sip("Desk", 5060), services.IPv6), four, six}, nil},
		{"what neither announces", nil, both, []publication.Publication{four, six}, []string{
			"Desk._sip._udp.local SRV 0 0 5060 pbx.local", `Desk._sip._udp.local TXT "transport=udp"`, sips + " PTR Desk._sip._udp.local"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, h := predecessor(t, all...)
			for _, s := range c.steps {
				h.links = slices.DeleteFunc([]publication.Link{s.link}, func(l publication.Link) bool { return l.Index == 0 })
				h.apply(all...)
				l.run(s.lasts)
			}
			l.mark()
			h.links = []publication.Link{c.last}
			h.apply(c.now...)
			l.run(inheritTime + 3*time.Second)
			for _, v := range publication.IPVersions() {
				if got := l.goodbyes(h, v); c.last.Has(v) && !slices.Equal(got, sorted(c.want)) {
					t.Errorf("goodbyes by IPv%d: %q, want %q", v, got, sorted(c.want))
				}
			}
		})
	}
}

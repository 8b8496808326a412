package native

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/mdns/link"
	"announcer/internal/mdns/wire"
	"announcer/internal/publication"
	"announcer/internal/status"
	"announcer/internal/testkit/memlink"
	"announcer/services"
)

func sip(name string) publication.Publication {
	return publication.Publication{ID: name + ".service", Group: services.Group{Name: name, Services: []services.Service{
		{Type: dnsname.MustParse("_sip._udp"), Port: 5060},
	}}}
}

// machine is a host on the simulated network that runs the engine.
type machine struct {
	*Publisher
	host *memlink.Host
	name string
}

func (m machine) apply(t *testing.T, pubs ...publication.Publication) {
	t.Helper()
	if err := m.Apply(t.Context(), publication.Desired{Host: m.name, Links: m.host.Links(), Groups: pubs}); err != nil {
		t.Fatal(err)
	}
}

func (m machine) state() string {
	s := m.Status()[0]
	return s.Name + " " + s.State.String()
}

// lan runs a test with two machines and a listener on a segment, in a time of its own.
func lan(t *testing.T, test func(t *testing.T, a, b machine, heard *capture)) {
	synctest.Test(t, func(t *testing.T) {
		net := memlink.Live(1)
		segment := net.NewSegment()
		machines := make([]machine, 2)
		for i, name := range []string{"alpha", "beta"} {
			h := net.NewHost(name)
			h.Plug(segment, netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 1)}), 24))
			p := New(Config{
				Conn: h.Conn(), Log: slog.New(slog.DiscardHandler), Seed: [2]uint64{1, uint64(i)},
				MAC: func(int, netip.Addr) string { return "02:00:00:00:00:01" },
			})
			machines[i] = machine{p, h, name}
		}
		heard := listen(net, segment)
		test(t, machines[0], machines[1], heard)
		for _, m := range machines {
			if err := m.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}
		synctest.Wait()
	})
}

// listen returns what a host on a segment hears.
func listen(net *memlink.Net, segment *memlink.Segment) *capture {
	heard := &capture{}
	listener := net.NewHost("listener")
	listener.Plug(segment, netip.MustParsePrefix("192.0.2.9/24"))
	listener.OnPacket(func(p link.Packet) {
		if m, err := wire.Decode(p.Data); err == nil {
			heard.add(m)
		}
	})
	return heard
}

// capture is what the listener heard.
type capture struct {
	mu       sync.Mutex
	messages []wire.Message
}

func (c *capture) add(m wire.Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.messages = append(c.messages, m)
}

// has reports whether a record of a name was heard.
func (c *capture) has(name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(c.messages, func(m wire.Message) bool {
		return slices.ContainsFunc(m.Answers, func(r mdns.Record) bool { return r.Name.Equal(dnsname.MustParse(name)) })
	})
}

// forget drops what was heard.
func (c *capture) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.messages = nil
}

func (c *capture) goodbyes() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.messages {
		for _, r := range m.Answers {
			if r.TTL == 0 {
				n++
			}
		}
	}
	return n
}

func TestAnnounceAndClose(t *testing.T) {
	lan(t, func(t *testing.T, a, _ machine, heard *capture) {
		a.apply(t, sip("Desk"))
		if got := a.state(); got != "Desk probing" {
			t.Error(got)
		}
		time.Sleep(2 * time.Second)
		if got := a.state(); got != "Desk announced" {
			t.Error(got)
		}
		if e := (<-a.Events())[0]; e.Kind != mdns.ServiceAnnounced || e.Name != "Desk" || e.Link != "eth0" {
			t.Errorf("event %v", e)
		}
		synctest.Wait()
		if n := heard.goodbyes(); n > 0 {
			t.Errorf("%d goodbyes before the end", n)
		}
		before := time.Now()
		if err := a.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if d := time.Since(before); d > 100*time.Millisecond {
			t.Errorf("the end took %v", d)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if n := heard.goodbyes(); n != 6 {
			t.Errorf("%d goodbyes, want one for each of 6 records", n)
		}
		for range a.Events() {
		}
		if got := a.state(); got != "Desk probing" && got != "Desk announced" {
			t.Errorf("after the end: %s", got)
		}
		if err := a.Apply(t.Context(), publication.Desired{}); err == nil {
			t.Error("Apply after Close reports no error")
		}
		if err := a.Close(t.Context()); err != nil {
			t.Errorf("second Close: %v", err)
		}
	})
}

// Abandon ends the engine without goodbyes.
func TestAbandon(t *testing.T) {
	lan(t, func(t *testing.T, a, _ machine, heard *capture) {
		a.apply(t, sip("Desk"))
		time.Sleep(2 * time.Second)
		if err := a.Abandon(); err != nil {
			t.Error(err)
		}
		if err := a.Abandon(); err != nil {
			t.Errorf("the second time: %v", err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if n := heard.goodbyes(); n > 0 {
			t.Errorf("%d goodbyes", n)
		}
	})
}

// A conflict is reported with the address and hardware address of the rival.
func TestConflict(t *testing.T) {
	lan(t, func(t *testing.T, a, b machine, _ *capture) {
		a.apply(t, sip("Desk"))
		time.Sleep(2 * time.Second)
		b.apply(t, sip("Desk"))
		time.Sleep(5 * time.Second)
		s := b.Status()[0]
		if b.state() != "Desk #2 announced" || s.Rival != netip.MustParseAddr("192.0.2.1") || s.MAC != "02:00:00:00:00:01" {
			t.Errorf("%+v", s)
		}
		var kinds []mdns.EventKind
		for _, e := range pending(b) {
			kinds = append(kinds, e.Kind)
			if e.Kind == mdns.ServiceConflict && (e.Rival != s.Rival || e.MAC != s.MAC) {
				t.Errorf("%+v", e)
			}
		}
		if want := []mdns.EventKind{mdns.ServiceConflict, mdns.ServiceRenamed, mdns.ServiceAnnounced}; !slices.Equal(kinds, want) {
			t.Errorf("events %v, want %v", kinds, want)
		}
	})
}

// A rival that takes each new name of a service, or of the host, is a problem in the status until it is gone.
func TestRivalIsAProblem(t *testing.T) {
	for name, takes := range map[string]mdns.Record{
		"of the service": {TTL: 120, Unique: true, Data: mdns.SRV{Port: 9, Target: dnsname.MustParse("x.local")}},
		"of the host":    {TTL: 120, Unique: true, Data: mdns.Address{Addr: netip.MustParseAddr("192.0.2.2")}},
	} {
		t.Run(name, func(t *testing.T) {
			lan(t, func(t *testing.T, a, rival machine, _ *capture) {
				problems := func() []string {
					s := status.Status{Reload: status.Reload{OK: true}, Time: time.Now(), Services: status.Services([]publication.Publication{sip("Desk")}, a.Status(), nil)}
					s.Diagnose()
					return s.Problems
				}
				rival.host.OnPacket(func(p link.Packet) { takeNames(rival.host, p, takes) })
				a.apply(t, sip("Desk"))
				time.Sleep(10 * time.Second)
				if got := problems(); len(got) > 0 {
					t.Errorf("after 10 s: %q", got)
				}
				time.Sleep(15 * time.Second)
				if got := problems(); len(got) != 1 || !strings.Contains(got[0], "every name that is tried is taken: 192.0.2.2 has the name") || !strings.Contains(got[0], "02:00:00:00:00:01") {
					t.Errorf("after 25 s: %q", got)
				}
				rival.host.OnPacket(func(link.Packet) {})
				time.Sleep(10 * time.Second)
				if got := problems(); len(got) > 0 || !strings.HasSuffix(a.state(), "announced") {
					t.Errorf("when the rival is gone: %q, %s", got, a.state())
				}
			})
		})
	}
}

// takeNames has a host take the names for which a packet proposes records of a type.
func takeNames(h *memlink.Host, p link.Packet, with mdns.Record) {
	m, err := wire.Decode(p.Data)
	if err != nil {
		return
	}
	answer := wire.Message{Header: wire.Header{Flags: wire.FlagResponse | wire.FlagAuthority}}
	for _, r := range m.Authority {
		if r.Data.Type() == with.Data.Type() {
			with.Name = r.Name
			answer.Answers = append(answer.Answers, with)
		}
	}
	if len(answer.Answers) > 0 {
		data, _ := answer.Encode(mdns.MaxMessage) // a few records fit
		time.AfterFunc(10*time.Millisecond, func() { _ = h.Send(link.Packet{Link: p.Link, To: mdns.Group4, Data: data}) })
	}
}

// An engine whose events are not received goes on.
func TestSlowReceiver(t *testing.T) {
	lan(t, func(t *testing.T, a, _ machine, _ *capture) {
		for range 512 {
			a.apply(t, sip("Desk"))
			time.Sleep(2 * time.Second)
			a.apply(t)
		}
		a.apply(t, sip("Desk"))
		time.Sleep(2 * time.Second)
		if got := a.state(); got != "Desk announced" {
			t.Error(got)
		}
	})
}

// However often other hosts ask, the observer is notified twice a second; what is too much is counted.
func TestAskedInBatches(t *testing.T) {
	lan(t, func(t *testing.T, a, _ machine, _ *capture) {
		ask := func(n int) {
			if err := a.do(t.Context(), func() {
				for range n {
					a.ask(mdns.Asked{Link: "eth0"})
				}
			}); err != nil {
				t.Fatal(err)
			}
		}
		for range 10 {
			ask(3)
			time.Sleep(askedPause / 20)
		}
		if got := len(<-a.Asked()); got != 30 {
			t.Errorf("%d questions at once, want 30", got)
		}
		ask(askedMost + 7)
		if got := len(<-a.Asked()); got != askedMost {
			t.Errorf("%d questions of a flood, want %d", got, askedMost)
		}
		for range 5 {
			ask(5)
			time.Sleep(2 * askedPause)
		}
		if got := len(<-a.Asked()) + len(<-a.Asked()); got != 25 {
			t.Errorf("%d questions after a pause, want 25", got)
		}
		if missed := a.Observe().Traffic.Missed; missed != 7 {
			t.Errorf("%d questions missed, want 7", missed)
		}
	})
}

// Who asks is reported with the name of the link, and who else announces with the hardware address.
func TestObserver(t *testing.T) {
	lan(t, func(t *testing.T, a, b machine, _ *capture) {
		a.apply(t, sip("Desk"))
		watching := publication.Desired{Host: b.name, Links: b.host.Links(), Watched: []dnsname.Name{dnsname.MustParse("_sip._udp.local")}}
		if err := b.Apply(t.Context(), watching); err != nil {
			t.Fatal(err)
		}
		watching.Host, watching.Links = a.name, a.host.Links()
		watching.Groups = []publication.Publication{sip("Desk")}
		time.Sleep(4 * time.Second)
		foreign := b.Observe().Foreign
		if len(foreign) != 1 || foreign[0].Name != "Desk" || foreign[0].Link != "eth0" || foreign[0].From != netip.MustParseAddr("192.0.2.1") || foreign[0].MAC != "02:00:00:00:00:01" {
			t.Errorf("others: %+v", foreign)
		}
		if err := a.Apply(t.Context(), watching); err != nil {
			t.Fatal(err)
		}
		watching.Host, watching.Links, watching.Groups = b.name, b.host.Links(), nil
		for _, d := range []publication.Desired{{Host: b.name, Links: b.host.Links()}, watching} { // b asks again
			if err := b.Apply(t.Context(), d); err != nil {
				t.Fatal(err)
			}
		}
		if q := (<-a.Asked())[0]; q.Link != "eth0" || q.From != netip.MustParseAddr("192.0.2.2") || q.Type.String() != "_sip._udp" || !q.Answered || q.Own {
			t.Errorf("asked: %+v", q)
		}
		seen := a.Observe()
		if len(seen.Links) != 1 || seen.Links[0].Link != "eth0" || seen.Links[0].Received == 0 || seen.Links[0].Heard.IsZero() || seen.Traffic.Queries == 0 {
			t.Errorf("%+v", seen)
		}
		if err := a.Close(t.Context()); err != nil {
			t.Error(err)
		}
		for range a.Asked() {
		}
		if after := a.Observe(); after.Traffic.Queries < seen.Traffic.Queries {
			t.Errorf("after the end: %+v", after)
		}
	})
}

// A sleep that caches noticed is followed by probes and announcements, and reported; a nap by nothing.
func TestSleep(t *testing.T) {
	for _, c := range []struct {
		name  string
		slept time.Duration
		wakes bool
	}{{"nap", 59 * time.Second, false}, {"sleep", 61 * time.Second, true}} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				net := memlink.Live(1)
				segment := net.NewSegment()
				h := net.NewHost("pbx")
				h.Plug(segment, netip.MustParsePrefix("192.0.2.1/24"))
				heard := listen(net, segment)
				sleeps := make(chan time.Duration)
				m := machine{New(Config{
					Conn: h.Conn(), Log: slog.New(slog.DiscardHandler), Seed: [2]uint64{1, 2},
					Sleeps: func(ctx context.Context, woke func(time.Duration)) {
						for {
							select {
							case d := <-sleeps:
								woke(d)
							case <-ctx.Done():
								return
							}
						}
					},
				}), h, "pbx"}
				m.apply(t, sip("Desk"))
				time.Sleep(time.Minute)
				synctest.Wait()
				heard.messages = nil
				<-m.Events()
				sleeps <- c.slept
				time.Sleep(1300 * time.Millisecond)
				synctest.Wait()
				if got := heard.has("Desk._sip._udp.local"); got != c.wakes {
					t.Errorf("announced again: %v", got)
				}
				if c.wakes {
					if e := (<-m.Events())[0]; e.Kind != mdns.HostWoke || !strings.Contains(e.Detail, "slept for about 1m1s") {
						t.Errorf("event %v", e)
					}
				}
				if err := m.Close(t.Context()); err != nil {
					t.Error(err)
				}
				synctest.Wait()
			})
		})
	}
}

// The events of thousands of services are kept until they are received, in few batches.
func TestNoEventIsLost(t *testing.T) {
	const services = 3000
	lan(t, func(t *testing.T, a, _ machine, _ *capture) {
		var groups []publication.Publication
		for n := range services {
			groups = append(groups, sip(fmt.Sprint("Desk ", n)))
			groups[n].ID = fmt.Sprint(n)
		}
		a.apply(t, groups...)
		time.Sleep(20 * time.Second)
		synctest.Wait()
		announced := 0
		for _, e := range pending(a) {
			if e.Kind == mdns.ServiceAnnounced {
				announced++
			}
		}
		if missed := a.Observe().Traffic.Missed; announced != services || missed != 0 {
			t.Errorf("%d events, %d missed; want %d and none", announced, missed, services)
		}
	})
}

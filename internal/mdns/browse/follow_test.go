package browse

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/mdns/wire"
	"announcer/internal/publication"
)

// followed collects changes of a lab as text.
type followed struct {
	mu    sync.Mutex
	lines []string
}

// follow follows services in a lab until the test ends.
func (l *lab) follow(t *testing.T, questions ...Question) *followed {
	var f followed
	conn, links := l.asker()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- follow(ctx, conn, questions, links, func(changes []Change) {
			f.mu.Lock()
			defer f.mu.Unlock()
			for _, c := range changes {
				f.lines = append(f.lines, fmt.Sprintf("%s %s %s %s", c.Kind, c.Instance, c.Type, strings.Join(c.TXT, ",")))
			}
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return &f
}

// expect wants the changes since the last call, in any order.
func (f *followed) expect(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	slices.Sort(f.lines)
	slices.Sort(want)
	if !slices.Equal(f.lines, want) {
		t.Errorf("changes %q, want %q", f.lines, want)
	}
	f.lines = nil
}

// TestFollow has services that come, change, stay for hours, and go: with a goodbye, and with their host.
func TestFollow(t *testing.T) {
	inLab(t, func(t *testing.T, l *lab) {
		f := l.follow(t, sipLocal)
		time.Sleep(time.Minute)
		f.expect(t)
		change, port := l.engine(t, "pbx", "192.0.2.1/24", group("A", sip, 1, "v=1"), group("B", sip, 2), group("Web", dnsname.MustParse("_http._tcp"), 80))
		f.expect(t, "added A _sip._udp v=1", "added B _sip._udp ")
		change(group("A", sip, 1, "v=2"), group("C", sip, 3))
		f.expect(t, "removed B _sip._udp ", "changed A _sip._udp v=2", "added C _sip._udp ")
		time.Sleep(100 * time.Minute) // longer than the TTL of PTR
		f.expect(t)
		change(group("A", sip, 1, "v=2"))
		f.expect(t, "removed C _sip._udp ")
		port.SetDown(true)
		time.Sleep(3 * time.Minute) // longer than the TTL of SRV
		f.expect(t, "removed A _sip._udp v=2")
	})
}

// TestFollowEveryType finds types that come later, too.
func TestFollowEveryType(t *testing.T) {
	inLab(t, func(t *testing.T, l *lab) {
		f := l.follow(t, Question{Domain: local})
		change, _ := l.engine(t, "pbx", "192.0.2.1/24", group("A", sip, 1))
		f.expect(t, "added A _sip._udp ")
		web := group("Web", dnsname.MustParse("_http._tcp"), 80, "path=/")
		change(group("A", sip, 1), web)
		time.Sleep(10 * time.Minute)
		f.expect(t, "added Web _http._tcp path=/")
		change(web)
		f.expect(t, "removed A _sip._udp ")
	})
}

// TestFollowPartialService has a host that says nothing of its TXT record: the service is reported all the same, once.
func TestFollowPartialService(t *testing.T) {
	inLab(t, func(t *testing.T, l *lab) {
		ptr, srv, _, a := records(120)
		l.host("192.0.2.1/24", func(m wire.Message) []mdns.Record { return []mdns.Record{ptr, srv, a} })
		f := l.follow(t, sipLocal)
		time.Sleep(partialTime / 2)
		f.expect(t)
		time.Sleep(partialTime)
		f.expect(t, "added desk _sip._udp ")
		time.Sleep(10 * time.Minute)
		f.expect(t)
	})
}

// TestRivalsAreFollowed has two hosts that contradict each other: both are reported, and neither again and again.
func TestRivalsAreFollowed(t *testing.T) {
	inLab(t, func(t *testing.T, l *lab) {
		for i, txt := range []string{"v=1", "v=2"} {
			ptr, srv, _, a := records(120)
			text := mdns.Record{Name: desk, TTL: 120, Data: mdns.NewTXT(txt)}
			l.host(fmt.Sprintf("192.0.2.%d/24", i+1), func(m wire.Message) []mdns.Record { return []mdns.Record{ptr, srv, text, a} })
		}
		f := l.follow(t, sipLocal)
		time.Sleep(10 * time.Minute)
		f.expect(t, "added desk _sip._udp v=1", "added desk _sip._udp v=2")
	})
}

// TestEverything finds the services of every type at once.
func TestEverything(t *testing.T) {
	inLab(t, func(t *testing.T, l *lab) {
		l.engine(t, "pbx", "192.0.2.1/24", group("A", sip, 1), group("B", sip, 2), group("Web", dnsname.MustParse("_http._tcp"), 80))
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		conn, links := l.asker()
		all, err := find(ctx, conn, []Question{{Domain: local}}, links)
		var got []string
		for _, e := range all {
			got = append(got, fmt.Sprint(e.Instance, " ", e.Type, " ", e.Port, " ", e.Addrs))
		}
		want := []string{"A _sip._udp 1 [192.0.2.1]", "B _sip._udp 2 [192.0.2.1]", "Web _http._tcp 80 [192.0.2.1]"}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("found %q, %v; want %q", got, err, want)
		}
	})
}

// TestTypesAreBounded has a host that claims more types than there are.
func TestTypesAreBounded(t *testing.T) {
	name, err := Question{Domain: local}.name()
	if err != nil {
		t.Fatal(err)
	}
	v := newCache(publication.Link{})
	v.now = time.Now()
	for i := range 3 * typesMost {
		v.note(mdns.Record{Name: name, TTL: 4500, Data: mdns.PTR{Target: dnsname.MustParse(fmt.Sprintf("_t%d._udp.local", i))}}, addrs("192.0.2.66")[0])
	}
	if n := len(v.wanted([]Question{{Domain: local}})); n != typesMost+1 {
		t.Errorf("%d questions, want %d", n, typesMost+1)
	}
}

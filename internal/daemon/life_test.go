package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"announcer/internal/control"
	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/phones"
	"announcer/internal/publication"
	"announcer/internal/source"
	"announcer/internal/status"
	"announcer/internal/testkit/mdnstest"
	"announcer/internal/web"
)

func TestRestartSaysNoGoodbye(t *testing.T) {
	for cause, goodbye := range map[error]bool{ErrRestart: false, context.Canceled: true} {
		t.Run(cause.Error(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := start(t, map[string]string{"x.service": definition})
				b.stop(cause)
				if err := <-b.ended; err != nil || !b.publisher.Closed() || b.publisher.SaidGoodbye() != goodbye {
					t.Errorf("error %v, closed %t, goodbye %t", err, b.publisher.Closed(), b.publisher.SaidGoodbye())
				}
			})
		})
	}
}

// A panic in the loop ends the process, with a goodbye.
func TestPanicSaysGoodbye(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		publisher := mdnstest.New()
		d := &Daemon{
			Publisher: publisher, Log: slog.New(slog.DiscardHandler),
			Definitions: source.New(source.Request{}),
			Links:       newTestLinks(t.Context(), nil, func() ([]publication.Link, error) { return []publication.Link{testLink(1, "eth0")}, nil }),
		}
		d.prepare()
		ended := make(chan any, 1)
		go func() {
			defer func() { ended <- recover() }()
			_ = d.loop(t.Context(), func() {})
		}()
		d.jobs.asked <- func() { panic("a bug") }
		if cause := <-ended; cause != "a bug" || !publisher.SaidGoodbye() {
			t.Errorf("panic %v, goodbye %t", cause, publisher.SaidGoodbye())
		}
	})
}

// A reload reports what it has changed; an invalid configuration changes nothing, and is reported until
// the next one that is.
func TestReloadIsATransaction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, map[string]string{"x.service": definition, "gone.service": strings.Replace(definition, "<name>x", "<name>gone", 1)})
		y := b.write(t, "y.service", strings.Replace(definition, "<name>x", "<name>y", 1))
		x := b.write(t, "x.service", strings.Replace(definition, "80", "81", 1))
		bad := b.write(t, "bad.service", "<service-group>")
		gone := filepath.Join(b.dir, "gone.service")
		if err := os.Remove(gone); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		good := b.reloaded(t)
		want := source.Changes{Added: []string{y}, Changed: []string{x}, Removed: []string{gone}, Refused: []string{bad}}
		if diff := cmp.Diff(want, good.Changes); diff != "" || !good.OK || !good.Time.Equal(time.Now()) {
			t.Errorf("%+v\n%s", good, diff)
		}
		if want := "1 added, 1 changed, 1 removed, 1 refused\nadded    " + y + "\nchanged  " + x + "\nremoved  " + gone + "\nrefused  " + bad; good.Text() != want {
			t.Errorf("it says:\n%s\nwant:\n%s", good.Text(), want)
		}

		time.Sleep(time.Minute)
		config := b.write(t, "announcer.toml", "[daemon]\nservces = \".\"\n")
		failed := b.reloaded(t)
		if failed.OK || !strings.HasPrefix(failed.Error, "the configuration is refused, everything stays as it was: "+config+":2") ||
			!slices.Equal(failed.Refused, []string{bad}) || !failed.Good.Equal(good.Time) || b.last() != "x y on eth0" {
			t.Errorf("%+v, announced %s", failed, b.last())
		}
		b.expectLog(t, "level=ERROR msg=\"reload failed, everything stays as it was\"")
		s := b.status(t)
		if s.Healthy || s.Files.Refused != 1 || !strings.HasPrefix(s.Problems[0], config+":2") || !strings.HasSuffix(s.Problems[0], "; its last good version of 2000-01-01 00:00:00 is in use") {
			t.Errorf("problems %q", s.Problems)
		}
		if got, want := s.Line(), "2 services on eth0; 1 file refused; the last reload failed"; got != want {
			t.Errorf("line %q, want %q", got, want)
		}

		b.write(t, "announcer.toml", "[daemon]\nservices = \".\"\nhttp = \"9353\"\nhttp_hosts = [\"pbx.example.com\"]\n")
		if r := b.reloaded(t); !r.OK {
			t.Errorf("%+v", r)
		}
		b.expectLog(t, `msg="another http is configured; it is used after a restart" http=127.0.0.1:9353`)
		b.expectLog(t, `msg="another http_hosts is configured; it is used after a restart" http_hosts=pbx.example.com`)
		if err := os.Remove(bad); err != nil {
			t.Fatal(err)
		}
		b.reloaded(t)
		if s := b.status(t); !s.Healthy || s.Files.Refused != 0 {
			t.Errorf("problems %q", s.Problems)
		}
		b.publisher.ApplyError = net.ErrClosed
		if r := b.reloaded(t); r.OK || r.Error != "nothing was changed: "+net.ErrClosed.Error() {
			t.Errorf("%+v", r)
		}
		if err := b.end(); err != nil {
			t.Error(err)
		}
		if _, err := b.daemon.Reload(t.Context()); err == nil {
			t.Error("a daemon that has ended reloads")
		}
	})
}

func phoneQuestion(n int, answered bool) []mdns.Asked {
	return []mdns.Asked{{
		Time: time.Now(), Link: "eth0", From: netip.AddrFrom4([4]byte{192, 0, 2, byte(n)}), Type: dnsname.MustParse("_digiumproxy._udp"), Answered: answered,
	}}
}

// Who asks is remembered, logged at the first time, and sent to watchers.
func TestWhoAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, map[string]string{"x.service": definition})
		events, stop, err := b.daemon.Watch()
		if err != nil {
			t.Fatal(err)
		}
		b.publisher.Questions <- phoneQuestion(7, true)
		b.publisher.Questions <- slices.Repeat(phoneQuestion(7, true), 2)
		synctest.Wait()
		hosts := b.status(t).Asked.Hosts
		if len(hosts) != 1 || hosts[0].Count != 3 || hosts[0].Answered != 3 || hosts[0].Vendor != "Digium" {
			t.Errorf("%+v", hosts)
		}
		line := `level=INFO msg="asked for the first time" from=192.0.2.7 type=_digiumproxy._udp link=eth0 mac=00:0f:d3:01:02:03 vendor=Digium`
		if n := strings.Count(b.log.String(), line); n != 1 {
			t.Errorf("%d lines, want one %q:\n%s", n, line, b.log.String())
		}
		if e := (<-events)[0]; e.Asked == nil || !e.Asked.First || e.Asked.Vendor != "Digium" || !strings.HasSuffix(e.Text(), "192.0.2.7 (00:0f:d3:01:02:03 Digium) for _digiumproxy._udp on eth0: answered") {
			t.Errorf("%+v, %s", e.Asked, e.Text())
		}
		stop()
		if last := b.publisher.Applied()[0].Watched; len(last) != 2 || last[0].String() != "_http._tcp.local" || last[1].String() != "_digiumproxy._udp.local" {
			t.Errorf("watched types %v", last)
		}
		if err := b.end(); err != nil {
			t.Error(err)
		}
	})
}

// Memory is given back when no change has come for a while.
func TestMemoryIsGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var released []time.Duration
		start := time.Now()
		s := newSpare(func() { released = append(released, time.Since(start)) }, 0)
		s.giveBack()
		for second := range time.Duration(80) {
			if second == 5 {
				s.giveBack()
			}
			s.beat()
			time.Sleep(time.Second)
		}
		if want := []time.Duration{5*time.Second + settleTime, 5*time.Second + settleTime + spareTime}; !slices.Equal(released, want) {
			t.Errorf("after %v, want %v", released, want)
		}
	})
}

// The table of hardware addresses is read again for a host without one after a second, for others after ten.
func TestHardwareAddressesAreReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		known, reads := "", 0
		m := newMACs(func() func(string, netip.Addr) string {
			reads++
			mac := known
			return func(string, netip.Addr) string { return mac }
		})
		question := []mdns.Asked{{Link: "eth0", From: netip.MustParseAddr("192.0.2.7")}}
		for _, step := range []struct {
			after       time.Duration
			known, want string
			reads       int
		}{
			{0, "", "", 1},
			{noMACAge - 1, "00:0f:d3:01:02:03", "", 1},
			{1, "00:0f:d3:01:02:03", "00:0f:d3:01:02:03", 2},
			{macsAge - 1, "00:0f:d3:01:02:04", "00:0f:d3:01:02:03", 2},
			{1, "00:0f:d3:01:02:04", "00:0f:d3:01:02:04", 3},
		} {
			time.Sleep(step.after)
			known = step.known
			m.refresh(t.Context(), question)
			if got := m.table("eth0", question[0].From); got != step.want || reads != step.reads {
				t.Errorf("after %v: %q by %d reads, want %q by %d", step.after, got, reads, step.want, step.reads)
			}
		}
	})
}

// A table of hardware addresses that cannot be read keeps no question from being seen, and is read once.
func TestHangingHardwareAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		goOn := make(chan struct{})
		var reads atomic.Int32
		m := newMACs(func() func(string, netip.Addr) string {
			reads.Add(1)
			<-goOn
			return func(string, netip.Addr) string { return "00:0f:d3:01:02:03" }
		})
		question := []mdns.Asked{{Link: "eth0", From: netip.MustParseAddr("192.0.2.7")}}
		start := time.Now()
		for range 3 {
			m.refresh(t.Context(), question)
		}
		if took := time.Since(start); took != 3*macPatience || reads.Load() != 1 || m.table("eth0", question[0].From) != "" {
			t.Errorf("it took %v and %d reads", took, reads.Load())
		}
		close(goOn)
		m.refresh(t.Context(), question)
		if got := m.table("eth0", question[0].From); got == "" {
			t.Error("the address is unknown when it could be read")
		}
	})
}

// However many hosts ask, few lines are written, and none is lost without a word.
func TestLogIsLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, map[string]string{"x.service": definition})
		for n := range 100 {
			b.publisher.Questions <- phoneQuestion(n, true)
			synctest.Wait()
		}
		if n := strings.Count(b.log.String(), "asked for the first time"); n != linesAtOnce {
			t.Errorf("%d lines, want %d", n, linesAtOnce)
		}
		time.Sleep(linesApart)
		b.publisher.Questions <- phoneQuestion(200, true)
		synctest.Wait()
		b.expectLog(t, "from=192.0.2.200 type=_digiumproxy._udp link=eth0 mac=00:0f:d3:01:02:03 vendor=Digium suppressed=80")
		for range 1000 {
			b.publisher.Happen(mdns.Event{Kind: mdns.ForeignSeen, Name: "y", Link: "eth0", Rival: netip.MustParseAddr("192.0.2.9")})
			synctest.Wait()
		}
		if n := strings.Count(b.log.String(), "msg=foreign"); n != linesAtOnce {
			t.Errorf("%d lines about others, want %d", n, linesAtOnce)
		}
		if err := b.end(); err != nil {
			t.Error(err)
		}
	})
}

// receive receives so many events.
func receive(batches <-chan []status.Event, n int) (got []status.Event) {
	for len(got) < n {
		got = append(got, <-batches...)
	}
	return got
}

// A host that takes our names again and again causes few lines, and those that are left out are counted.
func TestLinesOfAContest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, map[string]string{"x.service": definition})
		for n := range 6000 {
			b.publisher.Happen(mdns.Event{Kind: mdns.ServiceAnnounced, ID: "x.service", Name: fmt.Sprintf("x #%d", n%7), Link: "eth0"})
			synctest.Wait()
		}
		time.Sleep(ownWindow + heartbeat)
		synctest.Wait()
		text := b.log.String()
		if n := strings.Count(text, "msg=announced"); n > ownMost+1 {
			t.Errorf("%d lines, want %d at most", n, ownMost)
		}
		if !strings.Contains(text, `msg="lines about services are left out: another host contests a name again and again" lines=57`) {
			t.Errorf("what is left out is not counted:\n%s", text[max(0, len(text)-1000):])
		}
		if err := b.end(); err != nil {
			t.Error(err)
		}
	})
}

// Lines that stand for many events have the limit, too, and what is left out is counted at the end at the latest.
func TestLinesForManyOfAContest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, map[string]string{"x.service": definition})
		again := mdns.Event{Kind: mdns.ServiceAnnounced, ID: "x.service", Name: "x", Link: "eth0"}
		for range ownMost + 50 {
			b.publisher.Happen(slices.Repeat([]mdns.Event{again}, mdns.BulkMore+1)...)
			synctest.Wait()
		}
		if err := b.end(); err != nil {
			t.Error(err)
		}
		if n := strings.Count(b.log.String(), `msg="announced 1 service on 1 link"`); n > ownMost {
			t.Errorf("%d lines, want %d at most", n, ownMost)
		}
		if n := strings.Count(b.log.String(), "lines about services are left out"); n != 1 {
			t.Errorf("%d times it is logged that lines were left out, want 1", n)
		}
	})
}

// The status reports the last conflict with whom and what was done, and who else announces.
func TestConflictsAndOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, map[string]string{"x.service": definition})
		file := filepath.Join(b.dir, "x.service")
		rival := netip.MustParseAddr("192.0.2.9")
		for _, e := range []mdns.Event{
			{Kind: mdns.ServiceConflict, ID: "removed since.service", Name: "y", Rival: rival},
			{Kind: mdns.ServiceConflict, ID: file, Name: "x", Link: "eth0", Rival: rival, MAC: "00:50:58:00:00:01", Detail: "192.0.2.9 has the name; trying another", Time: time.Now()},
			{Kind: mdns.ServiceRenamed, ID: file, Name: "x #2", Link: "eth0", Rival: rival, Time: time.Now()},
			{Kind: mdns.EngineFailed, Detail: "no route", Time: time.Now()},
		} {
			b.publisher.Happen(e)
		}
		b.publisher.See(mdns.Observation{Foreign: []mdns.Foreign{
			{Link: "eth0", Type: phones.ServiceType, Name: "Other", From: rival},
			{Link: "eth0", Type: phones.ServiceType, Name: "Local", From: rival, Own: true},
			{Link: "eth0", Type: dnsname.MustParse("_http._tcp"), Name: "x", From: rival, Own: true},
		}})
		synctest.Wait()
		s := b.status(t)
		if len(s.Conflicts) != 1 || s.Conflicts[0].Name != "x" || s.Conflicts[0].MAC != "00:50:58:00:00:01" || s.Conflicts[0].Kind != mdns.ServiceConflict {
			t.Errorf("conflicts %+v", s.Conflicts)
		}
		if !slices.Equal(s.Problems, []string{"the network fails: no route"}) {
			t.Errorf("problems %q", s.Problems)
		}
		for _, want := range []string{
			`"Other" of 192.0.2.9 is also a server for phones on eth0; phones that find two servers ask a person`,
			`"Local" of another program of this host is also a server for phones on eth0; phones that find two servers ask a person`,
			`another program of this host announces "x" (_http._tcp) on eth0 as well`,
		} {
			if !slices.Contains(s.Hints, want) {
				t.Errorf("hints %q lack %q", s.Hints, want)
			}
		}
		b.expectLog(t, "rival=192.0.2.9 mac=00:50:58:00:00:01")
		time.Sleep(2 * recently)
		if s := b.status(t); !s.Healthy {
			t.Errorf("a failure that is over is a problem: %q", s.Problems)
		}
		if err := b.end(); err != nil {
			t.Error(err)
		}
	})
}

// Ten minutes in which no other host is heard are one hint, until one is.
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, map[string]string{"x.service": definition})
		hinted := func() bool { return slices.Contains(b.status(t).Hints, silenceHint) }
		heard := func() {
			b.publisher.See(mdns.Observation{Links: []mdns.LinkTraffic{{Link: "eth0", Heard: time.Now()}}})
		}
		time.Sleep(silenceTime / 2)
		heard()
		time.Sleep(silenceTime - heartbeat)
		if hinted() {
			t.Error("a hint before the time")
		}
		time.Sleep(2 * restbeat)
		if !hinted() {
			t.Error("no hint")
		}
		time.Sleep(silenceTime)
		synctest.Wait()
		if n := strings.Count(b.log.String(), "IGMP snooping"); n != 1 {
			t.Errorf("%d lines of the log about it", n)
		}
		heard()
		time.Sleep(2 * restbeat)
		if hinted() {
			t.Error("the hint stays though somebody is heard")
		}
		if err := b.end(); err != nil {
			t.Error(err)
		}
	})
}

// What Avahi announces too is reported, once in the log: the same name in its folder, or its very folder.
func TestAnnouncedTwice(t *testing.T) {
	avahi := t.TempDir()
	theirs := filepath.Join(avahi, "theirs.service")
	if err := os.WriteFile(theirs, []byte(strings.Replace(definition, "<name>x", "<name>X", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		prepare func(*bench)
		want    string
	}{
		"the same name":    {func(b *bench) { b.avahi, b.sharers = avahi, []string{"avahi-daemon (pid 7)"} }, "x.service is announced by Avahi too, from " + theirs + "; want one of the two files removed"},
		"the same folder":  {func(b *bench) { b.avahi, b.sharers = b.dir, []string{"a program of user avahi"} }, " is Avahi's own folder, and Avahi runs: it announces the same"},
		"Avahi is not run": {func(b *bench) { b.avahi, b.sharers = avahi, []string{"chromium (pid 9)"} }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := start(t, map[string]string{"x.service": definition}, c.prepare)
				time.Sleep(5 * meetEvery)
				hints := strings.Join(b.status(t).Hints, "\n")
				if c.want == "" {
					if strings.Contains(hints, "Avahi") {
						t.Errorf("hints:\n%s", hints)
					}
				} else {
					if !strings.Contains(hints, c.want) {
						t.Errorf("hints:\n%s\nwant %q", hints, c.want)
					}
					if n := strings.Count(b.log.String(), c.want); n != 1 {
						t.Errorf("%d lines of the log about it:\n%s", n, b.log.String())
					}
				}
				if !strings.Contains(hints, "port 5353 is shared with "+b.sharers[0]) {
					t.Errorf("hints:\n%s", hints)
				}
				if err := b.end(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// The daemon answers on its control socket. That another one has the socket is an error.
func TestControlSocket(t *testing.T) {
	dir := t.TempDir()
	run := func(socket string) (stop func() error) {
		ctx, cancel := context.WithCancel(t.Context())
		d := &Daemon{
			Definitions: source.New(source.Request{}), Publisher: mdnstest.New(), Log: slog.New(slog.DiscardHandler), Sockets: []string{socket},
			Links: newTestLinks(ctx, nil, func() ([]publication.Link, error) { return []publication.Link{testLink(1, "eth0")}, nil }),
		}
		ended := make(chan error, 1)
		go func() { ended <- d.Run(ctx) }()
		return func() error { cancel(); return <-ended }
	}
	stop := run(filepath.Join(dir, "announcer.sock"))
	var client *control.Client
	for client == nil {
		client, _ = control.Dial([]string{filepath.Join(dir, "announcer.sock")})
	}
	var text strings.Builder
	if well, err := client.Status(t.Context(), &text, false); err != nil || !well || !strings.Contains(text.String(), "0 services") {
		t.Errorf("well %t, error %v:\n%s", well, err, text.String())
	}
	second := run(filepath.Join(dir, "announcer.sock"))
	if err := second(); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("another announcer (pid %d) already listens", os.Getpid())) {
		t.Errorf("a second daemon: %v", err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// A directory that is missing is reported, and announcing goes on.
func TestControlSocketWithoutDirectory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, map[string]string{"x.service": definition}, func(b *bench) { b.sockets = []string{filepath.Join(b.dir, "missing", "announcer.sock")} })
		time.Sleep(3 * listenAgain)
		if s := b.status(t); len(s.Problems) != 1 || !strings.HasPrefix(s.Problems[0], "the control socket does not work: no control socket at "+b.dir) {
			t.Errorf("problems %q", s.Problems)
		}
		if n := strings.Count(b.log.String(), "the control socket does not work; announcing goes on"); n != 1 {
			t.Errorf("%d lines of the log about it", n)
		}
		if err := b.end(); err != nil {
			t.Error(err)
		}
	})
}

// deaf is a listener that no client calls.
type deaf struct{ closed chan struct{} }

func (l deaf) Accept() (net.Conn, error) { <-l.closed; return nil, net.ErrClosed }
func (l deaf) Close() error              { close(l.closed); return nil }
func (l deaf) Addr() net.Addr            { return &net.UnixAddr{} }

// What can't be opened is a problem that is reported and logged once, and tried again until it can.
func TestOutletIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, map[string]string{"x.service": definition})
		ctx, cancel := context.WithCancel(t.Context())
		tries := 0
		o := outlet{name: "the socket", http: web.Checks(b.daemon), listen: func() (net.Listener, error) {
			if tries++; tries < 4 {
				return nil, errors.New("no space left on device")
			}
			return deaf{make(chan struct{})}, nil
		}, log: b.daemon.Log, troubles: b.daemon.troubles}
		ended := make(chan error, 1)
		go func() { ended <- o.serve(ctx, func() {}) }()
		synctest.Wait()
		if s := b.status(t); !slices.Equal(s.Problems, []string{"the socket does not work: no space left on device"}) || b.last() != "x on eth0" {
			t.Errorf("problems %q", s.Problems)
		}
		time.Sleep(5 * listenAgain)
		synctest.Wait()
		if s := b.status(t); !s.Healthy || tries != 4 {
			t.Errorf("after %d tries: %q", tries, s.Problems)
		}
		if n := strings.Count(b.log.String(), "announcing goes on"); n != 1 {
			t.Errorf("%d lines of the log about it", n)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := b.end(); err != nil {
			t.Error(err)
		}
	})
}

// poor is a listener to which the system gives no client until a time.
type poor struct {
	deaf
	until time.Time
}

func (l poor) Accept() (net.Conn, error) {
	if time.Now().Before(l.until) {
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return l.deaf.Accept()
}

// That clients can't be taken is a problem for as long as it lasts, and logged once.
func TestOutletTakesNoClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, map[string]string{"x.service": definition})
		ctx, cancel := context.WithCancel(t.Context())
		o := outlet{name: "the socket", http: web.Checks(b.daemon), listen: func() (net.Listener, error) {
			return poor{deaf{make(chan struct{})}, time.Now().Add(time.Minute)}, nil
		}, log: b.daemon.Log, troubles: b.daemon.troubles}
		ended := make(chan error, 1)
		go func() { ended <- o.serve(ctx, func() {}) }()
		for range 2 {
			time.Sleep(25 * time.Second)
			synctest.Wait()
			if s := b.status(t); !slices.Equal(s.Problems, []string{"the socket takes no clients: too many open files"}) {
				t.Errorf("problems %q", s.Problems)
			}
		}
		time.Sleep(25 * time.Second)
		synctest.Wait()
		if s := b.status(t); !s.Healthy {
			t.Errorf("when it is over: %q", s.Problems)
		}
		for _, line := range []string{"announcing goes on", "the socket takes clients again"} {
			if n := strings.Count(b.log.String(), line); n != 1 {
				t.Errorf("%d lines of the log with %q", n, line)
			}
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := b.end(); err != nil {
			t.Error(err)
		}
	})
}

// Thousands of events at once are one line of the log, and a client that watches gets each of them.
func TestBulk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		files := map[string]string{}
		for n := range mdns.BulkMore + 1 {
			files[fmt.Sprintf("%03d.service", n)] = strings.ReplaceAll(definition, "<name>", fmt.Sprintf("<name>%03d ", n))
		}
		b := start(t, files)
		time.Sleep(bulkTime)
		synctest.Wait()
		b.expectLog(t, `msg="announced 101 services on 1 link"`)
		events, stop, err := b.daemon.Watch()
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		const services, links = 2000, 200
		for l := range links { // each link is a batch of its own
			var batch []mdns.Event
			for s := range services {
				batch = append(batch, mdns.Event{Kind: mdns.ServiceAnnounced, ID: "bulk", Service: s, Name: "x", Link: fmt.Sprint("vlan", l)})
			}
			b.publisher.Happen(batch...)
		}
		time.Sleep(bulkTime)
		synctest.Wait()
		b.expectLog(t, `msg="announced 2,000 services on 200 links"`)
		if n := strings.Count(b.log.String(), "msg=announced"); n != 0 {
			t.Errorf("%d lines besides", n)
		}
		if got := receive(events, services*links); got[len(got)-1].Event == nil {
			t.Errorf("who watches missed events: %+v", got[len(got)-1])
		}
		if err := b.end(); err != nil {
			t.Error(err)
		}
	})
}

// TestWatchOfReading wants those who watch to hear of what was read: a file that changes, one that breaks, and a reload.
func TestWatchOfReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, map[string]string{"a.service": phone("x", asterisk, sipURL)})
		defer b.end()
		events, stop, err := b.daemon.Watch()
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		time.Sleep(time.Second)
		expect := func(what, want string) {
			t.Helper()
			defer time.Sleep(time.Second)
			for {
				select {
				case batch := <-events:
					for _, e := range batch {
						if e.Reload != nil {
							if got := e.Text(); !strings.Contains(got, "  read       "+want) {
								t.Errorf("%s: %q, want %q", what, got, want)
							}
							return
						}
					}
				case <-time.After(time.Minute):
					t.Fatalf("%s: no event", what)
				}
			}
		}
		b.write(t, "a.service", phone("y", asterisk, sipURL))
		b.files <- struct{}{}
		expect("a file that changes", "0 added, 1 changed, 0 removed, 0 refused; changed  ")
		b.write(t, "a.service", "<")
		b.files <- struct{}{}
		expect("a file that breaks", "0 added, 0 changed, 0 removed, 1 refused; refused  ")
		b.reloaded(t)
		expect("a reload", "0 added, 0 changed, 0 removed, 1 refused; ")
	})
}

package health

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"announcer/internal/publication"
	"announcer/services"
)

// bench is a monitor whose servers are in a test's hands.
type bench struct {
	*Monitor
	log bytes.Buffer

	mu            sync.Mutex
	dead          map[string]bool // by target
	asked         map[string][]time.Time
	asking, worst int
	takes         time.Duration
}

func start(t *testing.T) *bench {
	t.Helper()
	b := &bench{dead: map[string]bool{}, asked: map[string][]time.Time{}}
	b.Monitor = New(b.answer, slog.New(slog.NewTextHandler(&b.log, nil)))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return b
}

func (b *bench) answer(ctx context.Context, p Probe) error {
	b.mu.Lock()
	b.asked[p.Target] = append(b.asked[p.Target], time.Now())
	b.asking++
	b.worst = max(b.worst, b.asking)
	dead := b.dead[p.Target]
	b.mu.Unlock()
	if b.takes > 0 {
		time.Sleep(b.takes)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asking--
	if dead {
		return errors.New("connection refused")
	}
	return nil
}

func (b *bench) kill(targets ...string)   { b.set(true, targets) }
func (b *bench) revive(targets ...string) { b.set(false, targets) }

func (b *bench) set(dead bool, targets []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, target := range targets {
		b.dead[target] = dead
	}
}

func (b *bench) times(target string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.asked[target])
}

// announced returns the IDs of what is let through.
func (b *bench) announced(publications ...publication.Publication) string {
	var ids []string
	for _, p := range b.Answering(publication.Desired{Host: "pbx", Groups: publications}, DefaultSettings()).Groups {
		ids = append(ids, p.ID)
	}
	return strings.Join(ids, " ")
}

func (b *bench) state(i int) string { return b.States()[i].State.String() }

func (b *bench) expectLog(t *testing.T, want string) {
	t.Helper()
	if !strings.Contains(b.log.String(), want) {
		t.Errorf("the log lacks %q:\n%s", want, b.log.String())
	}
}

// tcp returns a publication that is checked at a port of this host.
func tcp(id string, port uint16) publication.Publication {
	return publication.Publication{ID: id, Check: publication.CheckTCP, Group: services.Group{Name: id + " on %h", Wildcards: true, Services: []services.Service{{Type: web, Port: port}}}}
}

func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestMonitorAnnouncesWhatAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t)
		unchecked := publication.Publication{ID: "any", Group: services.Group{Name: "any"}}
		all := []publication.Publication{tcp("a", 80), unchecked, tcp("b", 81)}
		b.kill("localhost:81")
		if got := b.announced(all...); got != "any" {
			t.Errorf("before the first answer %q is announced", got)
		}
		synctest.Wait()
		<-b.Changed()
		if got := b.announced(all...); got != "a any" {
			t.Errorf("after the first answer %q is announced", got)
		}
		if b.state(0) != "up" || b.state(1) != "pending" {
			t.Errorf("states %+v", b.States())
		}
		pass(25 * time.Second)
		<-b.Changed()
		if s := b.States()[1]; s.State != Down || s.Name != "b on pbx" || s.Check != "tcp" || s.LastError != "localhost:81: connection refused" {
			t.Errorf("state %+v", s)
		}
		b.expectLog(t, `msg="server answers, service announced" service="a on pbx" file=a`)
		b.expectLog(t, `msg="server does not answer, service not announced" service="b on pbx" file=b error="localhost:81: connection refused"`)
	})
}

func TestMonitorWithdrawsAndBringsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t)
		b.announced(tcp("a", 80))
		pass(time.Second)
		<-b.Changed()
		up := b.States()[0].Since
		b.kill("localhost:80")
		pass(20 * time.Second) // one or two failures
		if b.announced(tcp("a", 80)) != "a" || b.States()[0].Since != up || b.States()[0].LastError == "" {
			t.Errorf("two failures change the state: %+v", b.States())
		}
		pass(15 * time.Second)
		<-b.Changed()
		if b.announced(tcp("a", 80)) != "" || b.state(0) != "down" {
			t.Errorf("after three failures: %+v", b.States())
		}
		b.revive("localhost:80")
		for n := b.times("localhost:80"); b.times("localhost:80") == n; {
			pass(time.Second)
		}
		if b.announced(tcp("a", 80)) != "" {
			t.Errorf("one answer brings it back: %+v", b.States())
		}
		pass(11 * time.Second)
		<-b.Changed()
		if b.announced(tcp("a", 80)) != "a" || !b.States()[0].Since.After(up) || b.States()[0].LastError != "" {
			t.Errorf("after two answers: %+v", b.States())
		}
		b.expectLog(t, "server does not answer, service withdrawn")
	})
}

func TestMonitorIsQuietWhereNothingChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t)
		b.announced(tcp("a", 80))
		pass(time.Second)
		<-b.Changed()
		pass(time.Hour)
		select {
		case <-b.Changed():
			t.Error("a change is told of where there is none")
		default:
		}
		if lines := strings.Count(b.log.String(), "\n"); lines != 1 {
			t.Errorf("an hour has %d lines of log:\n%s", lines, b.log.String())
		}
		asked := b.asked["localhost:80"]
		if n := len(asked); n < 330 || n > 401 {
			t.Errorf("asked %d times in an hour; want every 10 s", n)
		}
		differ := false
		for i := 2; i < len(asked); i++ {
			gap := asked[i].Sub(asked[i-1])
			if gap < 9*time.Second || gap > 11*time.Second {
				t.Fatalf("asked after %v; want 10 s, give or take one", gap)
			}
			differ = differ || gap != asked[1].Sub(asked[0])
		}
		if !differ {
			t.Error("there is no jitter")
		}
	})
}

// TestMonitorDegraded lets the firmware files go one after the other.
func TestMonitorDegraded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t)
		p := published(publication.CheckAuto, firmware)
		d40, d65 := "http://192.0.2.10/eff/2_8_1_D40_firmware.eff", "http://192.0.2.10/eff/2_8_1_D65_firmware.eff"
		b.announced(p)
		pass(time.Second)
		b.kill(d40)
		pass(35 * time.Second)
		if s := b.States()[0]; s.State != Degraded || s.LastError != d40+": connection refused" || b.announced(p) == "" {
			t.Errorf("one file of two is gone: %+v", s)
		}
		b.kill(d65)
		pass(35 * time.Second)
		if s := b.States()[0]; s.State != Down || s.LastError != d40+": connection refused (and 1 more)" || b.announced(p) != "" {
			t.Errorf("both are gone: %+v", s)
		}
		b.revive(d40, d65)
		pass(35 * time.Second)
		if s := b.States()[0]; s.State != Up || b.announced(p) == "" {
			t.Errorf("both are back: %+v", s)
		}
		b.expectLog(t, "part of the server does not answer, service still announced")
	})
}

func TestMonitorAsksOnceForMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t)
		var all []publication.Publication
		for i := range 100 {
			all = append(all, tcp(fmt.Sprint(i), 80))
		}
		b.announced(all...)
		pass(time.Second)
		if n := b.times("localhost:80"); n != 1 || len(strings.Fields(b.announced(all...))) != 100 {
			t.Errorf("asked %d times; want once, and all announced", n)
		}
	})
}

func TestMonitorAsksFewAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t)
		b.takes = 2 * time.Second
		var all []publication.Publication
		for i := range 40 {
			all = append(all, tcp(fmt.Sprint(i), uint16(1000+i)))
		}
		b.announced(all...)
		pass(7 * time.Second) // 16, 16 and 8 at a time
		if got := len(strings.Fields(b.announced(all...))); b.worst != maxAsking || got != 40 {
			t.Errorf("%d asked at a time, %d announced; want %d and 40", b.worst, got, maxAsking)
		}
		if s := b.States()[0]; s.Latency != 2*time.Second {
			t.Errorf("latency %v", s.Latency)
		}
	})
}

// TestMonitorReload takes the same over again, many times, which asks no server; then others.
func TestMonitorReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t)
		b.announced(tcp("a", 80), tcp("b", 81))
		pass(time.Second)
		since := b.States()[0].Since
		for range 100 {
			b.announced(tcp("a", 80), tcp("b", 81))
			synctest.Wait()
		}
		if n := b.times("localhost:80"); n != 1 || b.States()[0].Since != since {
			t.Errorf("asked %d times; want once: a reload asks nobody", n)
		}
		moved := tcp("b", 82)
		if got := b.announced(moved, tcp("a", 80)); got != "a" || b.States()[0].State != Pending {
			t.Errorf("%q is announced; what is new has to answer first", got)
		}
		pass(time.Second)
		if got := b.announced(moved, tcp("a", 80)); got != "b a" {
			t.Errorf("%q is announced", got)
		}
		pass(time.Minute)
		if n := b.times("localhost:81"); n != 1 {
			t.Errorf("what is not needed any more was asked %d times", n)
		}
	})
}

// TestMonitorForgets removes a server while it is asked.
func TestMonitorForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t)
		b.takes = 2 * time.Second
		b.announced(tcp("a", 80))
		pass(time.Second)
		b.announced()
		pass(time.Minute)
		if n := b.times("localhost:80"); n != 1 || len(b.States()) != 0 {
			t.Errorf("asked %d times, states %+v", n, b.States())
		}
	})
}

// TestMonitorEndless has checks that do not end, more of them than are asked at a time: they are failures like any other,
// keep no server from being asked, and are as many as there are servers, however long it goes on.
func TestMonitorEndless(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t)
		release := make(chan struct{})
		ask := b.ask
		b.ask = func(ctx context.Context, p Probe) error {
			err := ask(ctx, p)
			if err != nil {
				<-release
			}
			return err
		}
		var all []publication.Publication
		var targets []string
		for i := range 2 * maxAsking {
			all = append(all, tcp(fmt.Sprint(i), uint16(1000+i)))
			targets = append(targets, fmt.Sprintf("localhost:%d", 1000+i))
		}
		b.announced(all...)
		pass(time.Second)
		if got := len(strings.Fields(b.announced(all...))); got != len(all) {
			t.Fatalf("%d are announced, want all", got)
		}
		b.kill(targets[1:]...)
		pass(2 * time.Minute)
		if got := b.announced(all...); got != "0" || b.States()[1].State != Down || b.States()[1].LastError != "localhost:1001: the check of it does not end" {
			t.Errorf("%q is announced, state %+v", got, b.States()[1])
		}
		asked, others := b.times(targets[0]), b.times(targets[1])
		pass(10 * time.Minute)
		if now := b.times(targets[0]); now < asked+55 {
			t.Errorf("a server that answers was asked %d times in 10 min; want every 10 s", now-asked)
		}
		if now := b.times(targets[1]); now != others {
			t.Errorf("a server whose check does not end was asked again, %d times", now-others)
		}
		b.revive(targets...)
		close(release)
		pass(time.Minute)
		if got := len(strings.Fields(b.announced(all...))); got != len(all) {
			t.Errorf("%d are announced when they answer again, want all", got)
		}
	})
}

// TestMonitorEnds ends in the middle of a check that does not.
func TestMonitorEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		m := New(func(context.Context, Probe) error {
			<-release
			return nil
		}, slog.New(slog.DiscardHandler))
		m.Answering(publication.Desired{Groups: []publication.Publication{tcp("a", 80)}}, DefaultSettings())
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		start := time.Now()
		m.Run(ctx)
		if took := time.Since(start); took > time.Second+grace {
			t.Errorf("it ends after %v", took)
		}
	})
}

func TestNoMonitor(t *testing.T) {
	var m *Monitor
	d := publication.Desired{Groups: []publication.Publication{tcp("a", 80)}}
	if got := m.Answering(d, DefaultSettings()); len(got.Groups) != 1 || m.Changed() != nil || m.States() != nil {
		t.Error("no monitor withholds something")
	}
}

// Where all may be different now, servers are asked before it is their turn.
func TestRecheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t)
		b.announced(tcp("a", 80), tcp("b", 81))
		pass(time.Second)
		b.Recheck()
		synctest.Wait()
		if b.times("localhost:80") != 2 || b.times("localhost:81") != 2 {
			t.Errorf("asked %d and %d times, want each twice", b.times("localhost:80"), b.times("localhost:81"))
		}
		var none *Monitor
		none.Recheck()
	})
}

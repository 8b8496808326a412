package restart

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"announcer/internal/phones"
	"announcer/internal/sip"
	"announcer/internal/testkit/siptest"
)

func floor(n int) []netip.AddrPort {
	var all []netip.AddrPort
	for i := range n {
		all = append(all, netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), 5060))
	}
	return all
}

// book notes when each phone was asked and how many were waited for at most.
type book struct {
	mu             sync.Mutex
	start          time.Time
	asked          []time.Duration
	waiting, worst int
}

func (b *book) ask(answer func(context.Context) (sip.Answer, error)) func(context.Context, sip.Target, string) (sip.Answer, error) {
	b.start = time.Now()
	return func(ctx context.Context, _ sip.Target, _ string) (sip.Answer, error) {
		b.mu.Lock()
		b.asked = append(b.asked, time.Since(b.start))
		b.waiting++
		b.worst = max(b.worst, b.waiting)
		b.mu.Unlock()
		defer func() {
			b.mu.Lock()
			b.waiting--
			b.mu.Unlock()
		}()
		return answer(ctx)
	}
}

func silent(ctx context.Context) (sip.Answer, error) {
	<-ctx.Done()
	if errors.Is(ctx.Err(), context.Canceled) {
		return sip.Answer{}, ctx.Err()
	}
	return sip.Answer{}, sip.ErrTimeout
}

func granted(context.Context) (sip.Answer, error) { return sip.Answer{Code: 200, Reason: "OK"}, nil }

func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b book
		told := 0
		batch := Batch{Ask: b.ask(granted), Timeout: time.Second, Parallel: 100, Rate: 10}
		results := batch.Run(t.Context(), floor(25), func(r Result) {
			if r.OK() {
				told++
			}
		})
		for i, at := range b.asked {
			if want := time.Duration(i) * 100 * time.Millisecond; at != want {
				t.Errorf("phone %d was asked at %v, want %v", i, at, want)
			}
		}
		if len(results) != 25 || told != 25 {
			t.Errorf("%d results, %d told of", len(results), told)
		}
		for i, phone := range floor(25) {
			if results[i].Phone != phone || !results[i].OK() {
				t.Errorf("result %d: %+v", i, results[i])
			}
		}
	})
}

func TestParallel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b book
		batch := Batch{Ask: b.ask(silent), Timeout: 4 * time.Second, Parallel: 3, Rate: 100}
		results := batch.Run(t.Context(), floor(9), func(Result) {})
		if took := time.Since(b.start); b.worst != 3 || took < 12*time.Second || took > 13*time.Second {
			t.Errorf("%d phones at a time in %v; want 3, three times 4 s", b.worst, took)
		}
		for _, r := range results {
			if r.Word() != "timeout" || r.Took != 4*time.Second {
				t.Errorf("got %s after %v", r.Word(), r.Took)
			}
		}
	})
}

// TestEnd ends while one phone has answered, one is waited for, and one is still to be asked.
func TestEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		ended, end := context.WithCancel(t.Context())
		context.AfterFunc(ctx, end)
		n := 0
		batch := Batch{Timeout: time.Minute, Parallel: 100, Rate: 1, Ask: func(ctx context.Context, _ sip.Target, _ string) (sip.Answer, error) {
			if n++; n == 1 {
				return granted(ctx)
			}
			return silent(ctx)
		}}
		var words []string
		for _, r := range batch.Run(ended, floor(3), func(Result) {}) {
			words = append(words, r.Word())
		}
		if got := strings.Join(words, ", "); got != "200, stopped, not asked" {
			t.Errorf("the results are %s", got)
		}
	})
}

func TestTarget(t *testing.T) {
	batch := Batch{User: "1001", Transport: sip.TLS, Timeout: time.Second, Parallel: 1, Rate: 1000, Ask: func(_ context.Context, target sip.Target, _ string) (sip.Answer, error) {
		if want := (sip.Target{User: "1001", Host: "2001:db8::31", Port: 5070, Transport: sip.TLS}); target != want {
			t.Errorf("asked %+v, want %+v", target, want)
		}
		return sip.Answer{}, nil
	}}
	batch.Run(t.Context(), []netip.AddrPort{netip.MustParseAddrPort("[2001:db8::31]:5070")}, func(Result) {})
}

// TestEvents asks a phone for each event, and reads what the phone gets and the person reads.
func TestEvents(t *testing.T) {
	for _, test := range []struct {
		event        Event
		header, does string
	}{
		{Restart, "check-sync", "it restarts"},
		{Reboot, "check-sync;reboot=true", "it restarts"},
		{Resync, "resync", "it reads its configuration again"},
	} {
		t.Run(string(test.event), func(t *testing.T) {
			phone := siptest.Listen(t, "udp", "127.0.0.1:0", siptest.Answers("200 OK"))
			batch := Batch{Ask: sip.Notify, Event: test.event, Transport: sip.UDP, Timeout: 10 * time.Second, Parallel: 1, Rate: 1}
			results := batch.Run(t.Context(), []netip.AddrPort{phone.Addr}, func(Result) {})
			if got := results[0].Detail(); got != test.does {
				t.Errorf("the result is %q; want %q", got, test.does)
			}
			if got := siptest.Header(phone.Requests()[0], "Event"); got != test.header {
				t.Errorf("the event is %q; want %q", got, test.header)
			}
		})
	}
	if len(Events()) != 3 {
		t.Errorf("the events are %q; want the three above", Events())
	}
}

func TestWords(t *testing.T) {
	for _, test := range []struct {
		result       Result
		word, detail string
	}{
		{Result{Answer: sip.Answer{Code: 200, Reason: "OK"}}, "200", "it restarts"},
		{Result{Answer: sip.Answer{Code: 202, Reason: "Accepted"}}, "202", "it restarts"},
		{Result{Answer: sip.Answer{Code: 481, Reason: "No Dialog"}}, "481", "No Dialog: it takes that from the server only that it is registered with"},
		{Result{Answer: sip.Answer{Code: 486, Reason: "Busy Here"}}, "486", "Busy Here"},
		{Result{Err: sip.ErrTimeout}, "timeout", "it does not answer"},
		{Result{Err: sip.ErrRefused}, "refused", "no server listens on that port"},
		{Result{Err: sip.ErrUnreachable}, "unreachable", "it can't be reached"},
		{Result{Err: sip.ErrClosed}, "closed", "it closes the connection without an answer"},
		{Result{Err: context.Canceled}, "stopped", "it was asked and has not answered yet"},
		{Batch{}.NotAsked(netip.AddrPort{}), "not asked", "it was not asked"},
		{Result{Err: fmt.Errorf("tls: nonsense")}, "failed", "tls: nonsense"},
	} {
		t.Run(test.word, func(t *testing.T) {
			if word, detail := test.result.Word(), test.result.Detail(); word != test.word || detail != test.detail {
				t.Errorf("%s, %q; want %s, %q", word, detail, test.word, test.detail)
			}
		})
	}
}

// TestAgent wants what a phone says of itself, and nothing that is only like it.
func TestAgent(t *testing.T) {
	for _, test := range []struct {
		agent string
		want  phones.Agent
	}{
		{"", phones.Agent{}},
		{"Digium D40 2_8_1", phones.Agent{Model: "D40", Version: "2_8_1"}},
		{"Asterisk PBX 20.5.0", phones.Agent{}},
		{"<script>D40", phones.Agent{Model: "D40"}},
	} {
		t.Run(test.agent, func(t *testing.T) {
			if got := (Result{Answer: sip.Answer{Code: 200, Agent: test.agent}}).Agent(); got != test.want {
				t.Errorf("%+v, want %+v", got, test.want)
			}
		})
	}
}

// Package restart asks many phones to restart, not all at once, and reports the answer of each.
package restart

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"announcer/internal/phones"
	"announcer/internal/sip"
)

// Batch configures how phones are asked.
type Batch struct {
	// Ask sends one phone the event of a NOTIFY, such as [sip.Notify].
	Ask       func(ctx context.Context, phone sip.Target, event string) (sip.Answer, error)
	Event     Event
	User      string // in the request URI; "": none
	Transport sip.Transport
	Timeout   time.Duration // for the answer of a phone
	Parallel  int           // how many phones may be waited for at a time
	Rate      float64       // how many are asked in a second
}

// Event is the request to a phone. The words of the phones for it are those that are seen in the field; the vendor
// documents check-sync alone.
type Event string

// The events. D-series phones take check-sync, by which they restart and read their configuration again.
const (
	Restart Event = "restart" // check-sync
	Reboot  Event = "reboot"  // check-sync;reboot=true, which P-series phones want for a restart
	Resync  Event = "resync"  // resync: a P-series phone reads its configuration again, and does not restart
)

// Events returns the names of the events.
func Events() []string { return []string{string(Restart), string(Reboot), string(Resync)} }

// header returns what stands in the Event header of the NOTIFY.
func (e Event) header() string {
	switch e {
	case Reboot:
		return "check-sync;reboot=true"
	case Resync:
		return "resync"
	}
	return "check-sync"
}

// does describes what a phone does that accepts the event.
func (e Event) does() string {
	if e == Resync {
		return "it reads its configuration again"
	}
	return "it restarts"
}

// Result reports the answer of a phone.
type Result struct {
	Phone  netip.AddrPort
	Event  Event
	Answer sip.Answer    // if there was one
	Err    error         // if there was none
	Took   time.Duration // from the request to the answer
}

// errNotAsked reports that the end came before it was a phone's turn.
var errNotAsked = errors.New("it was not asked")

// NotAsked returns the result for a phone that was not asked.
func (b Batch) NotAsked(phone netip.AddrPort) Result {
	return Result{Phone: phone, Event: b.Event, Err: errNotAsked}
}

// OK reports whether the phone accepted the event.
func (r Result) OK() bool { return r.Err == nil && r.Answer.OK() }

// Run asks all phones, in order. progress is called after each answer, by one goroutine at a time. When ctx ends, so
// does Run, with the results so far; there is one for each phone in any case.
func (b Batch) Run(ctx context.Context, phones []netip.AddrPort, progress func(Result)) []Result {
	results := make([]Result, len(phones))
	for i, phone := range phones {
		results[i] = b.NotAsked(phone)
	}
	var asking sync.WaitGroup
	var telling sync.Mutex
	slots := make(chan struct{}, b.Parallel)
	turns := time.NewTicker(time.Duration(float64(time.Second) / b.Rate))
	defer turns.Stop()
	for i := range phones {
		if i > 0 && !received(ctx, turns.C) || !sent(ctx, slots) {
			break
		}
		asking.Go(func() {
			defer func() { <-slots }()
			results[i] = b.ask(ctx, phones[i])
			telling.Lock()
			defer telling.Unlock()
			progress(results[i])
		})
	}
	asking.Wait()
	return results
}

func received(ctx context.Context, turns <-chan time.Time) bool {
	select {
	case <-turns:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

func sent(ctx context.Context, slots chan<- struct{}) bool {
	select {
	case slots <- struct{}{}:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

func (b Batch) ask(ctx context.Context, phone netip.AddrPort) Result {
	ctx, cancel := context.WithTimeout(ctx, b.Timeout)
	defer cancel()
	start := time.Now()
	answer, err := b.Ask(ctx, sip.Target{User: b.User, Host: phone.Addr().String(), Port: phone.Port(), Transport: b.Transport}, b.Event.header())
	return Result{Phone: phone, Event: b.Event, Answer: answer, Err: err, Took: time.Since(start)}
}

// Agent returns what the phone has said of itself.
func (r Result) Agent() phones.Agent { return phones.ParseAgent(r.Answer.Agent) }

// Word returns the result in a word: "200" or another code, "timeout", "refused", "unreachable", "closed", "stopped" (asked,
// and not waited for), "not asked" or "failed".
func (r Result) Word() string {
	if r.Err == nil {
		return fmt.Sprint(r.Answer.Code)
	}
	for _, w := range []struct {
		err  error
		word string
	}{
		{sip.ErrTimeout, "timeout"}, {sip.ErrRefused, "refused"}, {sip.ErrUnreachable, "unreachable"}, {sip.ErrClosed, "closed"},
		{context.Canceled, "stopped"}, {errNotAsked, "not asked"},
	} {
		if errors.Is(r.Err, w.err) {
			return w.word
		}
	}
	return "failed"
}

// hints say what a refusal may mean. How these phones refuse is not known; this is what the codes mean in general.
var hints = map[int]string{
	401: "it wants a password, which announcer has not",
	403: "it does not take that from this host",
	404: "it has no such user; try --user with the name of its account",
	405: "it takes no NOTIFY",
	407: "it wants a password, which announcer has not",
	481: "it takes that from the server only that it is registered with",
	489: "it does not know the event, or that is switched off (enable_check_sync)",
	501: "it takes no NOTIFY",
}

// Detail returns the result in a sentence.
func (r Result) Detail() string {
	switch hint := hints[r.Answer.Code]; {
	case errors.Is(r.Err, context.Canceled):
		return "it was asked and has not answered yet"
	case r.Err != nil:
		return r.Err.Error()
	case r.OK():
		return r.Event.does()
	case hint != "":
		return r.Answer.Reason + ": " + hint
	}
	return r.Answer.Reason
}

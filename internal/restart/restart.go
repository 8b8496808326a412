// Package restart asks many phones to restart, not all at once, and tells how each of them took it.
package restart

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"announcer/internal/sip"
)

// Batch says how phones are asked.
type Batch struct {
	// Ask asks one phone, such as [sip.CheckSync].
	Ask       func(context.Context, sip.Target) (sip.Answer, error)
	User      string // in the request URI; "": none
	Transport sip.Transport
	Timeout   time.Duration // for the answer of a phone
	Parallel  int           // how many phones may be waited for at a time
	Rate      float64       // how many are asked in a second
}

// Result tells how a phone took it.
type Result struct {
	Phone  netip.AddrPort
	Answer sip.Answer    // where there was one
	Err    error         // where there was none
	Took   time.Duration // from the request to the answer
}

// errNotAsked says that the end came before it was a phone's turn.
var errNotAsked = errors.New("it was not asked")

// NotAsked returns the result for a phone that nobody has asked.
func NotAsked(phone netip.AddrPort) Result { return Result{Phone: phone, Err: errNotAsked} }

// OK reports whether the phone said that it restarts.
func (r Result) OK() bool { return r.Err == nil && r.Answer.OK() }

// Run asks all phones, in order. progress is called after each answer, by one goroutine at a time. When ctx ends, so
// does Run, with the results so far; there is one for each phone in any case.
func (b Batch) Run(ctx context.Context, phones []netip.AddrPort, progress func(Result)) []Result {
	results := make([]Result, len(phones))
	for i, phone := range phones {
		results[i] = NotAsked(phone)
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
	answer, err := b.Ask(ctx, sip.Target{User: b.User, Host: phone.Addr().String(), Port: phone.Port(), Transport: b.Transport})
	return Result{Phone: phone, Answer: answer, Err: err, Took: time.Since(start)}
}

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

// hints tell what a refusal may mean. How these phones refuse is not known; this is what the codes mean in general.
var hints = map[int]string{
	401: "it wants a password, which announcer has not",
	403: "it does not take that from this host",
	404: "it has no such user; try --user with the name of its account",
	405: "it takes no NOTIFY",
	407: "it wants a password, which announcer has not",
	481: "it takes that from the server only that it is registered with",
	489: "it does not know check-sync, or that is switched off (enable_check_sync)",
	501: "it takes no NOTIFY",
}

// Detail returns the result in a sentence.
func (r Result) Detail() string {
	switch hint := hints[r.Answer.Code]; {
	case errors.Is(r.Err, context.Canceled):
		return "it was asked, and had not answered before the end"
	case r.Err != nil:
		return r.Err.Error()
	case r.OK():
		return "it restarts"
	case hint != "":
		return r.Answer.Reason + ": " + hint
	}
	return r.Answer.Reason
}

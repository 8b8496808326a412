// Package sip is the part of SIP (RFC 3261) that announcer needs: OPTIONS, which asks a server whether it is alive, and
// NOTIFY, which makes a phone restart. Each request has its own connection; what the
// other side sends is limited, and only a response to the request is read.
//
// A library, github.com/emiago/sipgo v1.7, takes 0.6 MB of the program and six more modules for these two requests. That was
// measured once: a test would make it a dependency.
package sip

import (
	"context"
	"fmt"
	"net/netip"
	"time"
)

// GiveUp is the time after which a request without an answer is given up: Timer F, 64*T1 (RFC 3261 §17.1.2.2). A context
// that ends earlier ends it earlier.
const GiveUp = 32 * time.Second

// Answer is a response to a request.
type Answer struct {
	Code   int    // such as 200
	Reason string // such as "OK", in the words of the other side
	Agent  string // what the other side says of itself (RFC 3261 §20.35, §20.41), of which [guard.MaxText] bytes are kept; "" if nothing
}

// OK reports whether the request was granted.
func (a Answer) OK() bool { return a.Code >= 200 && a.Code < 300 }

// String returns "481 Call/Transaction Does Not Exist".
func (a Answer) String() string { return fmt.Sprintf("%d %s", a.Code, a.Reason) }

// serviceUnavailable is what a server answers that is there and says that it can't serve (RFC 3261 §21.5.4).
const serviceUnavailable = 503

// Alive asks a server by OPTIONS (RFC 3261 §11) whether it is alive, and returns its answer. Any response means that it is,
// a refusal and a provisional one too, except 503, with which a server says itself that it is out of service: that is
// an error. Without a response the error is [ErrTimeout], [ErrRefused], [ErrUnreachable], [ErrClosed], that of ctx if it
// was cancelled, or what else went wrong, such as [guard.ErrTooMuch].
func Alive(ctx context.Context, t Target) (Answer, error) {
	answer, err := t.exchange(ctx, options, func(Answer) bool { return true })
	if err == nil && answer.Code == serviceUnavailable {
		err = fmt.Errorf("it reports that it is out of service: %s", answer)
	}
	return answer, err
}

// Notify sends a phone a NOTIFY with an event, such as "check-sync", and returns its final response. The request is that
// of the phone vendor's own test scenario, except that what stands behind Subscription-State and Event there is not known:
// Subscription-State is "terminated" here. The errors are those of [Alive].
func Notify(ctx context.Context, t Target, event string) (Answer, error) {
	build := func(t Target, local netip.AddrPort) request { return notify(t, local, event) }
	return t.exchange(ctx, build, func(a Answer) bool { return a.Code >= 200 })
}

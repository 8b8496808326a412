// Package sip is the little SIP (RFC 3261) that announcer speaks: OPTIONS, which asks a server whether it is alive, and
// NOTIFY check-sync, which makes a phone restart. Each request has a connection of its own, for its time alone; what the
// other side sends is limited, and only a response to the request is looked at.
package sip

import (
	"context"
	"fmt"
	"time"
)

// GiveUp is after how long a request that nobody answers is given up: Timer F, 64*T1 (RFC 3261 §17.1.2.2). A context
// that ends earlier ends it earlier.
const GiveUp = 32 * time.Second

// Answer is a response to a request.
type Answer struct {
	Code   int    // such as 200
	Reason string // such as "OK", in the words of the other side
}

// OK reports whether the request was granted.
func (a Answer) OK() bool { return a.Code >= 200 && a.Code < 300 }

// String returns "481 Call/Transaction Does Not Exist".
func (a Answer) String() string { return fmt.Sprintf("%d %s", a.Code, a.Reason) }

// serviceUnavailable is what a server answers that is there and says that it can't serve (RFC 3261 §21.5.4).
const serviceUnavailable = 503

// Alive asks a server by OPTIONS (RFC 3261 §11) whether it is alive, and gives its answer. Any response says that it is,
// a refusal and a provisional one too, except 503, with which a server says itself that it is out of service: that is
// an error. Without a response the error is [ErrTimeout], [ErrRefused], [ErrUnreachable], [ErrClosed], that of ctx if it
// was cancelled, or what else went wrong, such as [guard.ErrTooMuch].
func Alive(ctx context.Context, t Target) (Answer, error) {
	answer, err := t.exchange(ctx, options, func(Answer) bool { return true })
	if err == nil && answer.Code == serviceUnavailable {
		err = fmt.Errorf("it says itself that it is out of service: %s", answer)
	}
	return answer, err
}

// CheckSync tells a phone by NOTIFY with the event check-sync to restart, and gives its final response. The request is
// that of the phone vendor's own test scenario. What stands behind Subscription-State and Event there is not known: it
// is "terminated" and "check-sync" here. The errors are those of [Alive].
func CheckSync(ctx context.Context, t Target) (Answer, error) {
	return t.exchange(ctx, checkSync, func(a Answer) bool { return a.Code >= 200 })
}

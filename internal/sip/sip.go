// Package sip is the little SIP (RFC 3261) that announcer speaks: OPTIONS, which asks a server whether it is alive, and
// NOTIFY check-sync, which makes a phone restart. It is the only package that knows github.com/emiago/sipgo.
package sip

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	lib "github.com/emiago/sipgo/sip"
)

// GiveUp is after how long a request that nobody answers is given up: Timer F, 64*T1 (RFC 3261 §17.1.2.2). A context
// that ends earlier ends it earlier.
const GiveUp = 32 * time.Second

// Answer is a response to a request.
type Answer struct {
	Code   int    // such as 200
	Reason string // such as "OK", in the words of the other side
}

// OK says whether the request was granted.
func (a Answer) OK() bool { return a.Code >= 200 && a.Code < 300 }

// String gives "481 Call/Transaction Does Not Exist".
func (a Answer) String() string { return fmt.Sprintf("%d %s", a.Code, a.Reason) }

// serviceUnavailable is what a server answers that is there and says that it can't serve (RFC 3261 §21.5.4).
const serviceUnavailable = 503

// Alive asks a server by OPTIONS (RFC 3261 §11) whether it is alive, and gives its answer. Any response says that it is,
// a refusal and a provisional one too, but for 503, with which a server says itself that it is out of service: that is
// an error. Without a response the error is [ErrTimeout], [ErrRefused], [ErrUnreachable], [ErrClosed], that of ctx if it
// was cancelled, or what else went wrong.
func Alive(ctx context.Context, t Target) (Answer, error) {
	answer, err := t.exchange(ctx, options, func(*lib.Response) bool { return true })
	if err == nil && answer.Code == serviceUnavailable {
		err = fmt.Errorf("it says itself that it is out of service: %s", answer)
	}
	return answer, err
}

func options(t Target, local netip.AddrPort) *lib.Request {
	req := newRequest(lib.OPTIONS, t, "announcer", local)
	req.AppendHeader(lib.NewHeader("Accept", "application/sdp"))
	return req
}

// CheckSync tells a phone by NOTIFY with the event check-sync to restart, and gives its final response. The request is
// that of the phone vendor's own test scenario. What stands behind Subscription-State and Event there is not known: it
// is "terminated" and "check-sync" here. The errors are those of [Alive].
func CheckSync(ctx context.Context, t Target) (Answer, error) {
	return t.exchange(ctx, checkSync, func(res *lib.Response) bool { return !res.IsProvisional() })
}

func checkSync(t Target, local netip.AddrPort) *lib.Request {
	req := newRequest(lib.NOTIFY, t, "asterisk", local)
	for _, h := range [][2]string{
		{"Date", time.Now().UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")},
		{"Supported", "replaces, timer"},
		{"Subscription-State", "terminated"},
		{"Event", "check-sync"},
	} {
		req.AppendHeader(lib.NewHeader(h[0], h[1]))
	}
	return req
}

// newRequest makes a request that comes from a user at the local address, with the headers that every one has.
func newRequest(method lib.RequestMethod, t Target, user string, local netip.AddrPort) *lib.Request {
	to := t.uri(method == lib.NOTIFY)
	here := lib.Uri{Scheme: "sip", User: user, Host: plain(local.Addr())}
	contact := here
	contact.Port = int(local.Port())
	via := &lib.ViaHeader{
		ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: lib.NetworkToUpper(string(t.Transport)),
		Host: uriHost(plain(local.Addr())), Port: int(local.Port()), Params: params("branch", lib.GenerateBranch(), "rport", ""),
	}
	hops, call := lib.MaxForwardsHeader(70), lib.CallIDHeader(lib.GenerateTagN(16)+"@"+plain(local.Addr()))
	req := lib.NewRequest(method, to)
	for _, h := range []lib.Header{
		via, &hops,
		&lib.FromHeader{DisplayName: user, Address: here, Params: params("tag", lib.GenerateTagN(16))},
		&lib.ToHeader{Address: to},
		&lib.ContactHeader{Address: contact},
		&call,
		&lib.CSeqHeader{SeqNo: 102, MethodName: method}, // 102 is what the vendor's scenario has
		lib.NewHeader("User-Agent", "announcer"),
	} {
		req.AppendHeader(h)
	}
	req.SetBody(nil)
	req.SetTransport(via.Transport)
	return req
}

// params makes parameters of keys, each followed by its value.
func params(pairs ...string) lib.HeaderParams {
	p := lib.NewParams()
	for i := 0; i < len(pairs); i += 2 {
		p.Add(pairs[i], pairs[i+1])
	}
	return p
}

// plain gives an address without its zone, which means nothing on another host.
func plain(a netip.Addr) string { return a.WithZone("").String() }

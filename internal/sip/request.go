package sip

import (
	"crypto/rand"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"announcer/internal/guard"
)

// request is a request as it is sent, and what its responses repeat of it.
type request struct {
	text   string
	branch string // of the Via header
	cseq   string // the whole header
}

// cseqNumber is what the phone vendor's test scenario has.
const cseqNumber = 102

// newRequest makes a request to a URI, from a user at the local address, with the headers that every request has and
// others, each with CRLF at its end.
func newRequest(method string, t Target, uri, user string, local netip.AddrPort, others string) request {
	host, branch := uriHost(plain(local.Addr())), "z9hG4bK."+rand.Text()
	cseq := fmt.Sprintf("%d %s", cseqNumber, method)
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s SIP/2.0\r\n", method, uri)
	fmt.Fprintf(&b, "Via: SIP/2.0/%s %s:%d;branch=%s;rport\r\n", strings.ToUpper(string(t.Transport)), host, local.Port(), branch)
	fmt.Fprintf(&b, "Max-Forwards: 70\r\n")
	fmt.Fprintf(&b, "From: %q <sip:%s@%s>;tag=%s\r\n", user, user, host, randomTag())
	fmt.Fprintf(&b, "To: <%s>\r\n", uri)
	fmt.Fprintf(&b, "Contact: <sip:%s@%s:%d>\r\n", user, host, local.Port())
	fmt.Fprintf(&b, "Call-ID: %s@%s\r\n", randomTag(), plain(local.Addr()))
	fmt.Fprintf(&b, "CSeq: %s\r\n", cseq)
	fmt.Fprintf(&b, "User-Agent: announcer\r\nContent-Length: 0\r\n%s\r\n", others)
	return request{b.String(), branch, cseq}
}

// randomTag returns 80 random bits; RFC 3261 §19.3 wants 32.
func randomTag() string { return rand.Text()[:16] }

// plain returns an address without its zone, which means nothing on another host.
func plain(a netip.Addr) string { return a.WithZone("").String() }

func options(t Target, local netip.AddrPort) request {
	return newRequest("OPTIONS", t, t.uri(), "announcer", local, "Accept: application/sdp\r\n")
}

func notify(t Target, local netip.AddrPort, event string) request {
	uri := t.uri() + ";ob" // RFC 5626 §5.4
	date := time.Now().UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")
	return newRequest("NOTIFY", t, uri, "asterisk", local,
		"Date: "+date+"\r\nSupported: replaces, timer\r\nSubscription-State: terminated\r\nEvent: "+event+"\r\n")
}

// answer returns what a message answers to the request, if it is a response to it (RFC 3261 §17.1.3).
func (r request) answer(message string) (a Answer, ok bool) {
	statusLine, headers, _ := strings.Cut(message, "\n")
	version, status, _ := strings.Cut(strings.TrimSpace(statusLine), " ")
	code, reason, _ := strings.Cut(status, " ")
	a = Answer{Reason: guard.Clip(reason), Agent: guard.Clip(header(headers, "User-Agent", "Server"))}
	if !strings.EqualFold(version, "SIP/2.0") || len(code) != 3 {
		return Answer{}, false
	}
	var err error
	if a.Code, err = strconv.Atoi(code); err != nil || a.Code < 100 || a.Code > 699 {
		return Answer{}, false
	}
	via, _, _ := strings.Cut(header(headers, "Via", "v"), ",")
	_, params, _ := strings.Cut(via, ";")
	cseq := strings.Join(strings.Fields(header(headers, "CSeq")), " ")
	return a, parameter(params, "branch") == r.branch && cseq == r.cseq
}

// unfold joins the lines of a header (RFC 3261 §7.3.1).
var unfold = strings.NewReplacer("\r\n ", " ", "\r\n\t", " ", "\n ", " ", "\n\t", " ")

// header returns the value of the first header with one of the names, the compact form among them; "" if there is none.
func header(headers string, names ...string) string {
	for line := range strings.SplitSeq(unfold.Replace(headers), "\n") {
		name, value, found := strings.Cut(line, ":")
		name = strings.TrimSpace(name)
		if found && slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) }) {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

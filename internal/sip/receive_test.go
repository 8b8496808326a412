package sip

import (
	"bytes"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"

	"announcer/internal/guard"
)

var asked = options(Target{Host: "192.0.2.20", Port: 5060, Transport: TCP}, netip.MustParseAddrPort("192.0.2.1:40000"))

// reply returns a response to asked with the start line and headers; VIA and CSEQ stand for those of the request.
func reply(lines ...string) string {
	text := strings.Join(lines, "\r\n") + "\r\n\r\n"
	return strings.NewReplacer("VIA", "SIP/2.0/TCP 192.0.2.1:40000;branch="+asked.branch+";rport=40000", "CSEQ", asked.cseq).Replace(text)
}

func TestAnswer(t *testing.T) {
	for _, test := range []struct {
		name, message, want string // "": not an answer
	}{
		{"response", reply("SIP/2.0 200 OK", "Via: VIA", "CSeq: CSEQ"), "200 OK"},
		{"compact form, other case", reply("sip/2.0 404 Not Found", "v: VIA", "cSeq : CSEQ"), "404 Not Found"},
		{"folded", reply("SIP/2.0 200 OK", "Via: SIP/2.0/TCP 192.0.2.1:40000", " ;Branch="+asked.branch, "CSeq: 102", "\tOPTIONS"), "200 OK"},
		{"no reason", reply("SIP/2.0 200 ", "Via: VIA", "CSeq: CSEQ"), "200 "},
		{"line feeds alone", strings.ReplaceAll(reply("SIP/2.0 200 OK", "Via: VIA", "CSeq: CSEQ"), "\r", ""), "200 OK"},
		{"reason that does not end", reply("SIP/2.0 200 "+strings.Repeat("x", 5000), "Via: VIA", "CSeq: CSEQ"), "200 " + strings.Repeat("x", guard.MaxText) + "…"},
		{"of another transaction", reply("SIP/2.0 200 OK", "Via: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK.other", "CSeq: CSEQ"), ""},
		{"to another method", reply("SIP/2.0 200 OK", "Via: VIA", "CSeq: 102 INVITE"), ""},
		{"to another number", reply("SIP/2.0 200 OK", "Via: VIA", "CSeq: 103 OPTIONS"), ""},
		{"without Via", reply("SIP/2.0 200 OK", "CSeq: CSEQ"), ""},
		{"without CSeq", reply("SIP/2.0 200 OK", "Via: VIA"), ""},
		{"request", reply("OPTIONS sip:a@b SIP/2.0", "Via: VIA", "CSeq: CSEQ"), ""},
		{"our own request", asked.text, ""},
		{"other version", reply("SIP/3.0 200 OK", "Via: VIA", "CSeq: CSEQ"), ""},
		{"code too large", reply("SIP/2.0 700 OK", "Via: VIA", "CSeq: CSEQ"), ""},
		{"code with a sign", reply("SIP/2.0 +20 OK", "Via: VIA", "CSeq: CSEQ"), ""},
		{"HTTP", reply("HTTP/1.1 200 OK", "Via: VIA", "CSeq: CSEQ"), ""},
		{"nothing", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			answer, ok := asked.answer(test.message)
			if ok != (test.want != "") || ok && answer.String() != test.want {
				t.Errorf("%q, %v; want %q", answer, ok, test.want)
			}
		})
	}
}

// readOnly is a connection that gives what is in a buffer.
type readOnly struct {
	net.Conn
	io.Reader
}

func (r readOnly) Read(b []byte) (int, error) { return r.Reader.Read(b) }

func TestStream(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       int    // messages
		err        string // behind them
	}{
		{"messages and what keeps alive", "\r\n\r\nA\r\nl: 4\r\n\r\nbody\r\n\r\nB\r\n\r\n\r\nC\nContent-Length:0\n\n", 3, "EOF"},
		{"body that does not come", "A\r\nContent-Length: 10\r\n\r\nbody", 1, "EOF"},
		{"body of 4 GB", "A\r\nContent-Length: 4294967295\r\n\r\n", 0, "it sends too much that is not an answer: a message of 4294967295 bytes"},
		{"body of more than 64 bits", "A\r\nl: 99999999999999999999\r\n\r\n", 0, "it sends too much that is not an answer: a message of 99999999999999999999 bytes"},
		{"body of less than nothing", "A\r\nContent-Length: -1\r\n\r\n", 0, `it sends a message with the length "-1", which is not a number`},
		{"headers without end", "A\r\n" + strings.Repeat("X: y\r\n", maxHead), 0, "it sends too much that is not an answer: headers of more than 16384 bytes"},
		{"line without end", strings.Repeat("x", 2*maxHead), 0, "it sends too much that is not an answer: headers of more than 16384 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newStream(readOnly{Reader: strings.NewReader(test.text)})
			n := 0
			_, err := s.next()
			for ; err == nil; _, err = s.next() {
				n++
			}
			if n != test.want || err.Error() != test.err {
				t.Errorf("%d messages, then %v; want %d, then %s", n, err, test.want, test.err)
			}
		})
	}
}

// FuzzMessages has anything come from the other side.
func FuzzMessages(f *testing.F) {
	f.Add([]byte(reply("SIP/2.0 200 OK", "Via: VIA", "CSeq: CSEQ", "Content-Length: 0")))
	f.Add([]byte("SIP/2.0 401 Unauthorized\r\nv: SIP/2.0/TCP [::1]:5060\r\nWWW-Authenticate: Digest realm=\"x\"\r\nl: 3\r\n\r\nabc"))
	f.Add([]byte("OPTIONS sip:a@b SIP/2.0\r\nContact: *\r\nRoute: <sip:x;lr>\r\n\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := newStream(readOnly{Reader: bytes.NewReader(data)})
		for {
			message, err := s.next()
			if len(message) > 2*maxHead {
				t.Errorf("a message of %d bytes", len(message))
			}
			if a, ok := asked.answer(message); ok && (a.Code < 100 || a.Code > 699 || !strings.Contains(message, asked.branch)) {
				t.Errorf("%+v from %q", a, message)
			}
			if err != nil {
				break
			}
		}
		asked.answer(string(data))
	})
}

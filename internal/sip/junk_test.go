package sip

import (
	"testing"

	lib "github.com/emiago/sipgo/sip"
)

// FuzzResponse sees to it that the library reads anything that the other side may send: there is nobody to catch a panic
// of its goroutines.
func FuzzResponse(f *testing.F) {
	f.Add([]byte("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK.x;rport=1\r\nFrom: \"a\" <sip:a@b>;tag=x\r\nTo: <sip:c;ob>;tag=y\r\nCall-ID: z\r\nCSeq: 102 NOTIFY\r\nContent-Length: 0\r\n\r\n"))
	f.Add([]byte("SIP/2.0 401 Unauthorized\r\nv: SIP/2.0/TCP [::1]:5060\r\nWWW-Authenticate: Digest realm=\"x\"\r\nl: 3\r\n\r\nabc"))
	f.Add([]byte("OPTIONS sip:a@b SIP/2.0\r\nContact: *\r\nRoute: <sip:x;lr>\r\n\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		parser := lib.NewParser()
		if msg, err := parser.ParseSIP(data); err == nil {
			_, _ = lib.ClientTxKeyMake(msg)
			_ = msg.String()
		}
		_ = parser.NewSIPStream().ParseSIPStream(data, func(lib.Message) {})
	})
}

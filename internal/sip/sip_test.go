package sip

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"announcer/internal/testkit/skip"

	"announcer/internal/guard"
	"announcer/internal/testkit/siptest"
)

func target(p *siptest.Peer, transport Transport) Target {
	return Target{Host: p.Addr.Addr().String(), Port: p.Addr.Port(), Transport: transport}
}

// within is for requests that are to be answered; between is for those that aren't.
const within, between = 30 * time.Second, time.Second

func TestAlive(t *testing.T) {
	for _, test := range []struct {
		name      string
		transport Transport
		answers   []string
		want      string
		err       string
	}{
		{"granted", UDP, []string{"200 OK"}, "200 OK", ""},
		{"a refusal is a sign of life", UDP, []string{"404 Not Found"}, "404 Not Found", ""},
		{"so is a question for a password", UDP, []string{"401 Unauthorized"}, "401 Unauthorized", ""},
		{"and a provisional response", UDP, []string{"100 Trying"}, "100 Trying", ""},
		{"out of service", UDP, []string{"503 Service Unavailable"}, "503 Service Unavailable", "it reports that it is out of service: 503 Service Unavailable"},
		{"TCP", TCP, []string{"200 OK"}, "200 OK", ""},
		{"TLS with any certificate", TLS, []string{"200 OK"}, "200 OK", ""},
		{"TCP that closes", TCP, []string{"close"}, "", "it closes the connection without an answer"},
		{"silence", UDP, nil, "", "it does not answer"},
		{"silence on TCP", TCP, nil, "", "it does not answer"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := siptest.Listen(t, string(test.transport), "127.0.0.1:0", siptest.Answers(test.answers...))
			patience := within
			if test.answers == nil {
				patience = between
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			to := target(p, test.transport)
			to.User = "proxy"
			got, err := Alive(ctx, to)
			if (test.want != "" && got.String() != test.want) || (err == nil) != (test.err == "") || err != nil && err.Error() != test.err {
				t.Errorf("%v, %v; want %s, %s", got, err, test.want, test.err)
			}
			if requests := p.Requests(); len(requests) == 0 || !strings.HasPrefix(requests[0], "OPTIONS sip:proxy@"+p.Addr.String()+" SIP/2.0\r\n") {
				t.Errorf("requests %q", requests)
			}
		})
	}
}

func TestNobodyListens(t *testing.T) {
	for _, transport := range []Transport{UDP, TCP, TLS} {
		t.Run(string(transport), func(t *testing.T) {
			p, err := siptest.Start(string(transport), "127.0.0.1:0", siptest.Answers())
			if err != nil {
				t.Fatal(err)
			}
			p.Close()
			ctx, cancel := context.WithTimeout(t.Context(), within)
			defer cancel()
			if _, err := Alive(ctx, target(p, transport)); !errors.Is(err, ErrRefused) {
				t.Errorf("%s: %v, want %v", transport, err, ErrRefused)
			}
		})
	}
}

// TestHangsUp has a server that closes each connection at once, at any moment of a request.
func TestHangsUp(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for i := 0; ; i++ {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			time.Sleep(time.Duration(i%10) * 20 * time.Microsecond)
			conn.Close()
		}
	}()
	to := Target{Host: "127.0.0.1", Port: netip.MustParseAddrPort(listener.Addr().String()).Port(), Transport: TCP}
	var all sync.WaitGroup
	for range 30 {
		all.Go(func() {
			for range 10 {
				ctx, cancel := context.WithTimeout(t.Context(), within)
				if _, err := Alive(ctx, to); !errors.Is(err, ErrClosed) {
					t.Errorf("error %v, want %v", err, ErrClosed)
				}
				cancel()
			}
		})
	}
	all.Wait()
}

// TestAnswersAndHangsUp has a server that closes each connection right behind its answer, which counts.
func TestAnswersAndHangsUp(t *testing.T) {
	p := siptest.Listen(t, "tcp", "127.0.0.1:0", siptest.Answers("200 OK", "close"))
	for range 300 {
		ctx, cancel := context.WithTimeout(t.Context(), within)
		if _, err := Alive(ctx, target(p, TCP)); err != nil {
			t.Error(err)
		}
		cancel()
	}
}

// TestNoTLS checks that a server that does not speak TLS is distinguished from one that is silent.
func TestNoTLS(t *testing.T) {
	p := siptest.Listen(t, "tcp", "127.0.0.1:0", siptest.Answers("200 OK"))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		if conn, err := listener.Accept(); err == nil {
			conn.Write([]byte("SSH-2.0-x\r\n"))
			conn.Close()
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	to := target(p, TLS)
	to.Port = netip.MustParseAddrPort(listener.Addr().String()).Port()
	if _, err := Alive(ctx, to); err == nil || errors.Is(err, ErrTimeout) || errors.Is(err, ErrRefused) {
		t.Errorf("error %v; want one about TLS", err)
	}
}

func checkSync(ctx context.Context, t Target) (Answer, error) { return Notify(ctx, t, "check-sync") }

func TestNotify(t *testing.T) {
	p := siptest.Listen(t, "udp", "127.0.0.1:0", func(n int) []string {
		if n == 0 {
			return []string{"100 Trying"}
		}
		return []string{"200 OK"} // to the retransmission, so that it does not overtake the other one
	})
	to := target(p, UDP)
	to.User = "1001"
	got, err := checkSync(t.Context(), to)
	if err != nil || got != (Answer{Code: 200, Reason: "OK"}) || !got.OK() {
		t.Fatalf("%v, %v; want the final response", got, err)
	}
	want := regexp.MustCompile(strings.ReplaceAll(`^NOTIFY sip:1001@ADDR;ob SIP/2\.0
Via: SIP/2\.0/UDP 127\.0\.0\.1:\d+;branch=z9hG4bK\S+;rport
Max-Forwards: 70
From: "asterisk" <sip:asterisk@127\.0\.0\.1>;tag=\w{16}
To: <sip:1001@ADDR;ob>
Contact: <sip:asterisk@127\.0\.0\.1:\d+>
Call-ID: \w{16}@127\.0\.0\.1
CSeq: 102 NOTIFY
User-Agent: announcer
Content-Length: 0
Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT
Supported: replaces, timer
Subscription-State: terminated
Event: check-sync

$`, "ADDR", regexp.QuoteMeta(p.Addr.String())))
	request := strings.ReplaceAll(p.Requests()[0], "\r\n", "\n")
	if !want.MatchString(request) {
		t.Errorf("the request is\n%s\nwant\n%s", request, want)
	}
}

func TestNotifyOnIPv6(t *testing.T) {
	for _, transport := range []Transport{UDP, TCP} {
		t.Run(string(transport), func(t *testing.T) {
			p := siptest.Listen(t, string(transport), "[::1]:0", siptest.Answers("481 Call/Transaction Does Not Exist"))
			got, err := checkSync(t.Context(), target(p, transport))
			if err != nil || got.String() != "481 Call/Transaction Does Not Exist" || got.OK() {
				t.Errorf("%s: %v, %v", transport, got, err)
			}
			request := p.Requests()[0]
			for name, want := range map[string]string{"To": "<sip:" + p.Addr.String() + ";ob>", "From": `"asterisk" <sip:asterisk@[::1]>`, "Via": "SIP/2.0/" + strings.ToUpper(string(transport)) + " [::1]:"} {
				if got := siptest.Header(request, name); !strings.HasPrefix(got, want) {
					t.Errorf("%s: %s is %q, want %q", transport, name, got, want)
				}
			}
		})
	}
}

// TestRetransmission loses the first request, which T1 (500 ms) later comes again, the same in every byte.
func TestRetransmission(t *testing.T) {
	p := siptest.Listen(t, "udp", "127.0.0.1:0", func(n int) []string {
		if n == 0 {
			return nil
		}
		return []string{"200 OK"}
	})
	start := time.Now()
	got, err := checkSync(t.Context(), target(p, UDP))
	if err != nil || !got.OK() {
		t.Fatalf("%v, %v", got, err)
	}
	if took := time.Since(start); took < 500*time.Millisecond {
		t.Errorf("the second request came after %v; want T1", took)
	}
	if r := p.Requests(); len(r) < 2 || r[0] != r[1] {
		t.Errorf("the requests differ: %q", r)
	}
}

func TestCancel(t *testing.T) {
	p := siptest.Listen(t, "udp", "127.0.0.1:0", siptest.Answers())
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	if _, err := checkSync(ctx, target(p, UDP)); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
}

// TestNothingStays asks many times, and wants no goroutine and no file to be left.
func TestNothingStays(t *testing.T) {
	var peers []Target
	for _, transport := range []Transport{UDP, TCP, TLS} {
		for _, answers := range [][]string{{"200 OK"}, {"100 Trying", "404 Not Found"}, nil} {
			peers = append(peers, target(siptest.Listen(t, string(transport), "127.0.0.1:0", siptest.Answers(answers...)), transport))
		}
	}
	ask := func(times int) {
		for range times {
			for _, to := range peers {
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
				_, _ = checkSync(ctx, to) // whatever comes of it
				cancel()
			}
		}
	}
	ask(1)
	files, goroutines := openFiles(t), runtime.NumGoroutine()
	ask(20)
	for deadline := time.Now().Add(within); openFiles(t) > files+3 || runtime.NumGoroutine() > goroutines+6; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d files and %d goroutines became %d and %d", files, goroutines, openFiles(t), runtime.NumGoroutine())
		}
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		skip.Now(t, "what is open can't be told here: ", err)
	}
	return len(files)
}

func TestParseURL(t *testing.T) {
	for _, test := range []struct {
		text string
		want Target
	}{
		{"sip:proxy@192.0.2.20:5060;transport=udp", Target{"proxy", "192.0.2.20", 5060, UDP}},
		{"sip:proxy@192.0.2.20", Target{"proxy", "192.0.2.20", 5060, UDP}},
		{"SIP:pbx.example.com;transport=TLS", Target{"", "pbx.example.com", 5061, TLS}},
		{"sip:proxy@[2001:db8::20]:5070;transport=tcp", Target{"proxy", "2001:db8::20", 5070, TCP}},
		{"sip:proxy@[2001:db8::20]", Target{"proxy", "2001:db8::20", 5060, UDP}},
	} {
		t.Run(test.text, func(t *testing.T) {
			got, err := ParseURL(test.text)
			if err != nil || got != test.want {
				t.Errorf("%s: %+v, %v; want %+v", test.text, got, err, test.want)
			}
			if again, err := ParseURL(got.String()); err != nil || again != got {
				t.Errorf("%s: as a URL %s, which is %+v, %v", test.text, got, again, err)
			}
		})
	}
	for text, want := range map[string]string{
		"":                                `"" is not a SIP URL; want one such as sip:proxy@192.0.2.20:5060;transport=udp`,
		"http://192.0.2.20":               `"http://192.0.2.20" is not a SIP URL; want`,
		"sip:":                            `"sip:" is not a SIP URL; want`,
		"sip:proxy@":                      `"sip:proxy@" is not a SIP URL; want`,
		"sip:a b@192.0.2.20":              `is not a SIP URL; want`,
		"sip:p@192.0.2.20:x":              `is not a SIP URL; want`,
		"sip:p@[2001:db8::20":             `is not a SIP URL; want`,
		"sip:[]":                          `is not a SIP URL; want`,
		"sip:p@[]:5060":                   `is not a SIP URL; want`,
		"sip:p@[pbx]":                     `is not a SIP URL; want`,
		"sip:p@[192.0.2.20]":              `is not a SIP URL; want`,
		"sip:p@[2001:db8::20]5060":        `is not a SIP URL; want`,
		"sip:p@192.0.2.20:0":              `has no port from 1 to 65535 after the colon; want`,
		"sip:p@192.0.2.20:70000":          `has no port from 1 to 65535 after the colon; want`,
		"sip:p@192.0.2.20;transport=sctp": `names the transport "sctp"; want one of udp, tcp, tls`,
	} {
		t.Run(fmt.Sprintf("%q", text), func(t *testing.T) {
			if got, err := ParseURL(text); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: %+v, %v; want %s", text, got, err, want)
			}
		})
	}
}

func FuzzParseURL(f *testing.F) {
	for _, text := range []string{"sip:proxy@192.0.2.20:5060;transport=udp", "sip:[::1]?a=b", "sip:a:b@c:1;d;e=f", "sip:*", "sip:[]"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := ParseURL(text)
		if err == nil && (got.Host == "" || got.Port == 0 || got.Transport.Port() == 0) {
			t.Errorf("%q: %+v", text, got)
		}
	})
}

func TestCheckUser(t *testing.T) {
	for user, ok := range map[string]bool{"1001": true, "000fd3-x.1": true, "": false, "a b": false, "a@b": false, "a\r\nX: y": false, "é": false} {
		t.Run(fmt.Sprintf("%q", user), func(t *testing.T) {
			if err := CheckUser(user); (err == nil) != ok {
				t.Errorf("%q: %v", user, err)
			}
		})
	}
}

// TestAgent has phones say of themselves what they are, and more than is kept.
func TestAgent(t *testing.T) {
	for _, test := range []struct{ name, headers, want string }{
		{"none", "", ""},
		{"User-Agent", "\r\nUser-Agent: Digium D40 2_8_1", "Digium D40 2_8_1"},
		{"in lower case, folded", "\r\nuser-agent:\r\n Digium D40\r\n\t2_8_1 ", "Digium D40 2_8_1"},
		{"Server", "\r\nServer: Asterisk PBX 20", "Asterisk PBX 20"},
		{"empty", "\r\nUser-Agent:", ""},
		{"too long", "\r\nUser-Agent: D40 " + strings.Repeat("x", 4096), "D40 " + strings.Repeat("x", guard.MaxText-4) + "…"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := siptest.Listen(t, "udp", "127.0.0.1:0", siptest.Answers("200 OK"+test.headers))
			if got, err := checkSync(t.Context(), target(p, UDP)); err != nil || got.Agent != test.want {
				t.Errorf("%q, %v; want %q", got.Agent, err, test.want)
			}
		})
	}
}

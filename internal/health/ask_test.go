package health

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"announcer/internal/testkit/siptest"
)

func TestAsk(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("HEAD /file", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "7") })
	mux.HandleFunc("HEAD /empty", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "0") })
	mux.HandleFunc("HEAD /moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/file", http.StatusFound) })
	mux.HandleFunc("HEAD /broken", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	plain, encrypted := httptest.NewServer(mux), httptest.NewTLSServer(mux)
	t.Cleanup(plain.Close)
	t.Cleanup(encrypted.Close)
	_, port, _ := net.SplitHostPort(plain.Listener.Addr().String())
	alive := siptest.Listen(t, "udp", "127.0.0.1:0", siptest.Answers("200 OK"))
	full := siptest.Listen(t, "tcp", "127.0.0.1:0", siptest.Answers("503 Service Unavailable"))
	silent := siptest.Listen(t, "udp", "127.0.0.1:0", siptest.Answers())
	rude, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { rude.Close() })
	go func() {
		for {
			conn, err := rude.Accept()
			if err != nil {
				return
			}
			conn.Read(make([]byte, 1000))
			conn.Close()
		}
	}()
	gone := httptest.NewServer(mux)
	gone.Close()
	for _, test := range []struct {
		name  string
		probe Probe
		want  string // a part of the error
	}{
		{"connection", Probe{Connect, plain.Listener.Addr().String()}, ""},
		{"connection to this host", Probe{Connect, "localhost:" + port}, ""},
		{"no connection", Probe{Connect, gone.Listener.Addr().String()}, "no server listens on that port"},
		{"file", Probe{File, plain.URL + "/file"}, ""},
		{"file by HTTPS", Probe{File, encrypted.URL + "/file"}, ""},
		{"file that has moved", Probe{File, plain.URL + "/moved"}, ""},
		{"no file", Probe{File, plain.URL + "/other"}, "404 Not Found"},
		{"empty file", Probe{File, plain.URL + "/empty"}, "the file is empty"},
		{"no server", Probe{File, gone.URL + "/file"}, "no server listens on that port"},
		{"server that hangs up", Probe{File, "http://" + rude.Addr().String() + "/file"}, "it closes the connection without an answer"},
		{"page", Probe{Page, plain.URL + "/file"}, ""},
		{"page of this host", Probe{Page, "http://localhost:" + port + "/file"}, ""},
		{"any answer will do for a page", Probe{Page, plain.URL + "/other"}, ""},
		{"but an error of the server", Probe{Page, plain.URL + "/broken"}, "502 Bad Gateway"},
		{"SIP", Probe{Options, "sip:proxy@" + alive.Addr.String()}, ""},
		{"SIP on this host", Probe{Options, "sip:localhost:" + strings.TrimPrefix(alive.Addr.String(), "127.0.0.1:")}, ""},
		{"SIP out of service", Probe{Options, "sip:proxy@" + full.Addr.String() + ";transport=tcp"}, "out of service: 503 Service Unavailable"},
		{"SIP that is silent", Probe{Options, "sip:proxy@" + silent.Addr.String()}, "it does not answer"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			patience := 20 * time.Second
			if test.want == "it does not answer" {
				patience = 200 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			err := Ask(ctx, test.probe)
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}

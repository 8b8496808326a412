package health

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"announcer/internal/testkit/siptest"
)

// system looks up hosts as the system does.
var system = Asker{Lookup: func(_ context.Context, host string, try func(string) error) error { return try(host) }}

func TestAsk(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("HEAD /file", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "7") })
	mux.HandleFunc("HEAD /empty", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "0") })
	mux.HandleFunc("HEAD /moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/file", http.StatusFound) })
	var foreign atomic.Int64
	listener, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		t.Fatal(err)
	}
	other := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { foreign.Add(1) })}
	go other.Serve(listener)
	t.Cleanup(func() { other.Close() })
	t.Cleanup(func() { // after the cases, which are parallel
		if n := foreign.Load(); n > 0 {
			t.Errorf("another host, to which a server redirected, was asked %d times", n)
		}
	})
	mux.HandleFunc("HEAD /elsewhere", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://"+listener.Addr().String()+"/file", http.StatusFound)
	})
	mux.HandleFunc("HEAD /elsewhere-later", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) })
	mux.HandleFunc("HEAD /round", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/round", http.StatusFound) })
	mux.HandleFunc("HEAD /broken-later", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/broken", http.StatusFound) })
	mux.HandleFunc("HEAD /broken", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	plain, encrypted := httptest.NewServer(mux), httptest.NewTLSServer(mux)
	mux.HandleFunc("HEAD /encrypted", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, encrypted.URL+"/file", http.StatusFound)
	})
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
		{"file on another port of the host", Probe{File, plain.URL + "/encrypted"}, ""},
		{"file on another host", Probe{File, plain.URL + "/elsewhere"}, `it redirects to another host, "127.0.0.2", which is not asked; want the URL there`},
		{"file on another host in the end", Probe{File, plain.URL + "/elsewhere-later"}, `it redirects to another host, "127.0.0.2"`},
		{"file nowhere", Probe{File, plain.URL + "/round"}, "it redirects more than 5 times"},
		{"page on another host", Probe{Page, plain.URL + "/elsewhere"}, ""},
		{"page that is broken in the end", Probe{Page, plain.URL + "/broken-later"}, "502 Bad Gateway"},
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
			err := system.Ask(ctx, test.probe)
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}

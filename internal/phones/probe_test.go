package phones

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"announcer/internal/testkit/siptest"
)

// fileServer answers HEAD for a few files, and fails the test for anything else than HEAD.
func fileServer(t *testing.T) *httptest.Server {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodHead {
			t.Errorf("%s %s; want HEAD alone", r.Method, r.URL)
		}
		size := map[string]int{"/fw/2_8_1_D40_firmware.eff": 34e6, "/fw/2_8_1_D45_firmware.eff": 0, "/fw/2_8_1_D50_firmware.eff": 500}
		n, ok := size[r.URL.Path]
		switch {
		case r.URL.Path == "/fw/2_8_1_D65_firmware.eff":
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		case !ok:
			http.NotFound(w, r)
		default:
			w.Header().Set("Content-Length", strconv.Itoa(n))
		}
	}))
	t.Cleanup(server.Close)
	return server
}

func TestProbeFirmware(t *testing.T) {
	url := fileServer(t).URL + "/fw/"
	record := "serviceType=firmware|firmwareUrl=" + url
	for _, model := range []string{"D40", "D45", "D50", "D60", "D65"} {
		record += "|" + model + "File=2_8_1_" + model + "_firmware.eff"
	}
	p := NewProber(t.Context(), bySystem)
	var got []string
	for _, problem := range p.Lint(group(record)) {
		got = append(got, problem.Severity.String()+" "+problem.Code+place(problem))
	}
	want := "error phones/probe-size 3, warning phones/probe-size 4, error phones/probe 5, error phones/probe 6"
	if strings.Join(got, ", ") != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	probes := p.Probes()
	if len(probes) != 5 || probes[0] != (Probe{URL: url + "2_8_1_D40_firmware.eff", Answer: "200 OK", Size: 34e6}) || probes[3].Answer != "404 Not Found" {
		t.Errorf("the probes are %+v", probes)
	}
}

func TestProbeOfNothing(t *testing.T) {
	server := fileServer(t)
	server.Close()
	problems := NewProber(t.Context(), bySystem).Lint(group("serviceType=firmware|firmwareUrl="+server.URL+"/|D40File=x", "serviceType=firmware|firmwareUrl=:|D40File=x"))
	if len(problems) != 2 || !strings.Contains(problems[0].Text, "gives no answer here: ") || problems[1].Service != 1 {
		t.Errorf("%+v", problems)
	}
}

func TestProbeSIP(t *testing.T) {
	alive := siptest.Listen(t, "udp", "127.0.0.1:0", siptest.Answers("200 OK"))
	record := "serviceType=switchvox|sipUrl=sip:proxy@" + alive.Addr.String()
	p := NewProber(t.Context(), bySystem)
	if problems := p.Lint(group(record)); len(problems) > 0 {
		t.Errorf("a server that is there: %+v", problems)
	}
	if probes := p.Probes(); len(probes) != 1 || probes[0].Answer != "200 OK" {
		t.Errorf("the probes are %+v", probes)
	}
	alive.Close()
	for name, gone := range map[string]string{"no server": record + ";transport=tcp", "no host": "serviceType=asterisk|sipUrl=sip:proxy@"} {
		t.Run(name, func(t *testing.T) {
			problems := NewProber(t.Context(), bySystem).Lint(group(gone))
			if len(problems) != 1 || problems[0].Code != CodeProbe || problems[0].Index != 1 {
				t.Errorf("%+v", problems)
			}
		})
	}
}

// TestProbeHostile has servers that do not come to an end. Little memory is taken, and no connection outlives the probe.
func TestProbeHostile(t *testing.T) {
	for name, server := range map[string]struct {
		scheme string
		serve  func(net.Conn)
	}{
		"headers for ever":         {"http", writeHeaders},
		"silence":                  {"http", func(net.Conn) {}},
		"silence in the handshake": {"https", func(net.Conn) {}},
	} {
		t.Run(name, func(t *testing.T) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close()
			end := time.Now().Add(10 * time.Second)
			listener.(*net.TCPListener).SetDeadline(end)
			closed := make(chan error, 1)
			go func() {
				conn, err := listener.Accept()
				if err == nil {
					defer conn.Close()
					server.serve(conn)
					conn.SetReadDeadline(end)
					_, err = io.Copy(io.Discard, conn)
				}
				closed <- err
			}()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			problems := NewProber(ctx, bySystem).Lint(group("serviceType=firmware|firmwareUrl=" + server.scheme + "://" + listener.Addr().String() + "/|D40File=x"))
			if len(problems) != 1 || problems[0].Code != CodeProbe {
				t.Errorf("%+v", problems)
			}
			if err := <-closed; err != nil && !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("the connection is still open: %v", err)
			}
			runtime.ReadMemStats(&after)
			if took := after.TotalAlloc - before.TotalAlloc; took > 4<<20 {
				t.Errorf("the probe allocates %d kB", took>>10)
			}
		})
	}
}

// writeHeaders writes the header of an answer that does not end until the client closes the connection.
func writeHeaders(conn net.Conn) {
	_, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\n")
	for n := 0; err == nil && n < 10_000_000; n++ {
		_, err = io.WriteString(conn, "X: y\r\n")
	}
}

// bySystem leaves the look-up of hosts to the system.
func bySystem(_ context.Context, host string, try func(string) error) error { return try(host) }

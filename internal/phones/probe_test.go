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
	p := NewProber(t.Context())
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
	problems := NewProber(t.Context()).Lint(group("serviceType=firmware|firmwareUrl="+server.URL+"/|D40File=x", "serviceType=firmware|firmwareUrl=:|D40File=x"))
	if len(problems) != 2 || !strings.Contains(problems[0].Text, "gives no answer here: ") || problems[1].Service != 1 {
		t.Errorf("%+v", problems)
	}
}

func TestProbeSIP(t *testing.T) {
	alive := siptest.Listen(t, "udp", "127.0.0.1:0", siptest.Answers("200 OK"))
	record := "serviceType=switchvox|sipUrl=sip:proxy@" + alive.Addr.String()
	p := NewProber(t.Context())
	if problems := p.Lint(group(record)); len(problems) > 0 {
		t.Errorf("a server that is there: %+v", problems)
	}
	if probes := p.Probes(); len(probes) != 1 || probes[0].Answer != "200 OK" {
		t.Errorf("the probes are %+v", probes)
	}
	alive.Close()
	for _, gone := range []string{record + ";transport=tcp", "serviceType=asterisk|sipUrl=sip:proxy@"} {
		problems := NewProber(t.Context()).Lint(group(gone))
		if len(problems) != 1 || problems[0].Code != CodeProbe || problems[0].Index != 1 {
			t.Errorf("%s: %+v", gone, problems)
		}
	}
}

// TestProbeHostile has servers that do not come to an end: one that sends headers for ever, and one that is silent, in a
// TLS handshake too. Little memory is taken, and no connection outlives the probe.
func TestProbeHostile(t *testing.T) {
	flood, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer flood.Close()
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		if conn, err := flood.Accept(); err == nil {
			defer conn.Close()
			_, err = io.WriteString(conn, "HTTP/1.1 200 OK\r\n")
			for n := 0; err == nil && n < 10_000_000; n++ {
				_, err = io.WriteString(conn, "X: y\r\n")
			}
		}
	}()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, url := range []string{"http://" + flood.Addr().String(), "http://" + silent.Addr().String(), "https://" + silent.Addr().String()} {
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		problems := NewProber(ctx).Lint(group("serviceType=firmware|firmwareUrl=" + url + "/|D40File=x"))
		if len(problems) != 1 || problems[0].Code != CodeProbe {
			t.Errorf("%s: %+v", url, problems)
		}
	}
	<-gone
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 4<<20 {
		t.Errorf("the probes allocate %d kB", took>>10)
	}
	silent.(*net.TCPListener).SetDeadline(time.Now().Add(10 * time.Second))
	for range 2 { // the silent server has two connections, which announcer has closed
		conn, err := silent.Accept()
		if err != nil {
			t.Fatal(err)
		}
		conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := io.Copy(io.Discard, conn); err != nil && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("a connection is still open: %v", err)
		}
		conn.Close()
	}
}

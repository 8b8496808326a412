package phones

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"announcer/internal/sip/siptest"
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

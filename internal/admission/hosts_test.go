package admission

import (
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
)

func TestHosts(t *testing.T) {
	handler := Hosts(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}),
		func() []string { return append(Names("pbx"), "metrics.example.com") }, "http_hosts")
	own, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, host string
		passes     bool
	}{
		{"address", "192.0.2.1", true},
		{"address and port", "127.0.0.1:9353", true},
		{"IPv6", "[2001:db8::1]", true},
		{"IPv6 and port", "[::1]:9353", true},
		{"IPv6 with a zone", "[fe80::1%eth0]:9353", true},
		{"localhost", "localhost:9353", true},
		{"name of the system", own, true},
		{"name on the network", "pbx.local:9353", true},
		{"in capitals, with a dot", "PBX.Local.", true},
		{"short name", "pbx", true},
		{"configured name", "metrics.example.com", true},
		{"none, as in HTTP/1.0", "", true},
		{"another name", "evil.example:9353", false},
		{"another name that begins alike", "pbx.evil.example", false},
		{"another name that ends alike", "evil-pbx.local", false},
		{"part of a name", "example.com", false},
		{"address in a name", "127.0.0.1.evil.example", false},
		{"address in brackets that is a name", "[evil.example]:80", false},
		{"port alone", ":9353", false},
		{"two ports", "localhost:80:80", false},
		{"with a user", "localhost@evil.example", false},
		{"dot", ".", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			request := httptest.NewRequest("GET", "/metrics", nil)
			request.Host = test.host
			answer := httptest.NewRecorder()
			handler.ServeHTTP(answer, request)
			want := http.StatusMisdirectedRequest
			if test.passes {
				want = http.StatusOK
			}
			if answer.Code != want || !test.passes && !strings.Contains(answer.Body.String(), "want its address, or the name in http_hosts") {
				t.Errorf("%d %q, want %d", answer.Code, answer.Body, want)
			}
		})
	}
}

// An address needs no names, which are read from files.
func TestHostsByAddress(t *testing.T) {
	handler := Hosts(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), func() []string {
		t.Error("the names are read")
		return nil
	}, "http_hosts")
	for _, host := range []string{"127.0.0.1:9353", "[::1]", ""} {
		request := httptest.NewRequest("GET", "/metrics", nil)
		request.Host = host
		handler.ServeHTTP(httptest.NewRecorder(), request)
	}
}

func TestQualified(t *testing.T) {
	domains := []string{"example.com", "sip.example.com", "example.org"}
	want := []string{"pbx", "pbx.local", "pbx.example.com", "pbx.sip.example.com", "pbx.example.org", "pbx.example.net"}
	if got := qualified([]string{"pbx", "", "pbx.example.net"}, domains); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

package phones_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"announcer/internal/health"
	"announcer/internal/phones"
	"announcer/internal/publication"
	"announcer/services"
)

// TestOneMeaning wants lint, probe and check to take each oddity of a record in the same way: what lint reports, and what
// both probe and check ask for. "none" is a record in which they find nothing to ask for.
func TestOneMeaning(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	at := closed.Addr().String()
	base := "http://" + at + "/"
	record := "serviceType=firmware|sipUrl=http://192.0.2.10|firmwareVersion=2_8_1|firmwareUrl=" + base
	for _, test := range []struct{ name, record, lint, asked string }{
		{"small letters", record + "|d40file=x", "phones/key-case", base + "x"},
		{"no model", record + "|logoFile=logo.png", "phones/no-file", "none"},
		{"no model beside one", record + "|logoFile=logo.png|D40File=x", "", base + "x"},
		{"twice", record + "|D40File=x|d40File=y", "phones/key-case phones/key-twice", base + "x"},
		{"white space", record + "|D40File = x", "phones/white-space", base + "x"},
		{"unknown model", record + "|D41File=x", "phones/model", base + "x"},
		{"the D80", record + "|D80File=x", "phones/d80", "none"},
		{"no path", record + "|D40File=", "phones/file-path", "none"},
		{"no path of a URL", record + "|D40File=%zz", "phones/file-path", "none"},
		{"no firmwareUrl", "serviceType=firmware|sipUrl=http://192.0.2.10|firmwareVersion=2_8_1|D40File=x", "phones/firmware-url", "none"},
		{"no key", record + "|=y|D40File=x", "", base + "x"},
		{"no serviceType", "firmwareUrl=" + base + "|D40File=x", "phones/service-type", base + "x"},
		{"IPv6 without brackets", "serviceType=asterisk|sipUrl=sip:proxy@2001:db8::20", "phones/host", "none"},
		{"no address", "serviceType=asterisk|sipUrl=sip:proxy@192.0.2.300", "phones/host", "none"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := services.Service{Type: phones.ServiceType, Port: 80, TXT: strings.Split(test.record, "|")}
			g := services.Group{Name: "x", Services: []services.Service{s}}
			var codes []string
			for _, p := range phones.Lint(g) {
				if p.Code != phones.CodeHost || !strings.Contains(p.Text, "the phone itself") {
					codes = append(codes, p.Code)
				}
			}
			slices.Sort(codes)
			if got := strings.Join(codes, " "); got != test.lint {
				t.Errorf("lint reports %q, want %q", got, test.lint)
			}
			prober := phones.NewProber(context.Background(), bySystem)
			problems := prober.Lint(g)
			for _, p := range problems {
				if strings.Contains(p.Text, "dial tcp") || strings.Contains(p.Text, "connection refused") {
					t.Errorf("the probe prints an error of a library: %s", p.Text)
				}
			}
			probed := "none"
			for _, p := range prober.Probes() {
				if p.Answer != "not asked" {
					probed = p.URL
				}
			}
			checked := "none"
			if parts, err := health.Plan(publication.Publication{Check: publication.CheckAuto, Group: g}); err == nil {
				checked = parts[0][0].Target
			}
			if probed != test.asked || checked != test.asked {
				t.Errorf("the probe asks for %s, the check for %s; want %s", probed, checked, test.asked)
			}
		})
	}
}

func ExampleRead() {
	a := phones.Read(services.TXT{"serviceType=firmware", "firmwareUrl=http://192.0.2.10/", "d40file=2_8_1_D40_firmware.eff", "logoFile=logo.png"})
	files, err := a.Files()
	fmt.Println(a.Kind, files[0].Model, files[0].URL, len(files), err)
	// Output: firmware D40 http://192.0.2.10/2_8_1_D40_firmware.eff 1 <nil>
}

// bySystem leaves the look-up of hosts to the system.
func bySystem(_ context.Context, host string, try func(string) error) error { return try(host) }

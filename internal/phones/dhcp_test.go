package phones

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"announcer/internal/testkit/skip"
)

// TestDHCPConfigPassesTheServers has the syntax check of each DHCP server look at what is written for it.
func TestDHCPConfigPassesTheServers(t *testing.T) {
	checks := map[string][]string{
		"dnsmasq": {"dnsmasq", "--test", "-C"},
		"isc":     {"dhcpd", "-t", "-cf"},
		"kea":     {"kea-dhcp4", "-t"},
	}
	for _, server := range DHCPServers() {
		t.Run(server, func(t *testing.T) {
			check := checks[server]
			skip.Without(t, check[0])
			for _, test := range []struct {
				url      string
				perModel bool
			}{
				{"http://10.1.2.3/phoneprov/", false},
				{"https://u:p@[2001:db8::20]:8443/a/", false},
				{"sip:proxy@pbx.example.net:5061;transport=tls", false},
				{"http://10.1.2.3/{model}/", true},
			} {
				text, err := DHCPConfig(server, test.url, test.perModel)
				if err != nil {
					t.Fatal(err)
				}
				if out, err := checked(t, check, text); err != nil {
					t.Errorf("%s refuses:\n%s\n%v\n%s", check[0], text, err, out)
				}
				// The check must be one that can fail.
				if out, err := checked(t, check, text+"\nnonsense {\n"); err == nil {
					t.Errorf("%s takes nonsense, too:\n%s", check[0], out)
				}
			}
		})
	}
}

func checked(t *testing.T, check []string, text string) ([]byte, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return exec.Command(check[0], append(check[1:], file)...).CombinedOutput()
}

func TestDHCPConfigRefuses(t *testing.T) {
	for _, test := range []struct{ name, url, says string }{
		{"none", "", "missing"},
		{"TFTP", "tftp://10.1.2.3/", "TFTP"},
		{"no slash at the end", "http://10.1.2.3", "no slash"},
		{"space", "http://10.1.2.3/ x/", "not a URL"},
		{"quote", "http://10.1.2.3/\"/", "not a URL"},
		{"line end", "http://10.1.2.3/\n/", "not a URL"},
		{"backslash", "http://10.1.2.3/\\/", "not a URL"},
		{"comma", "http://10.1.2.3/a,b/", "not a URL"},
		{"place for a model", "http://10.1.2.3/{model}/", "--per-model"},
		{"SIP without a host", "sip:proxy@", "host"},
		{"SIP with an unknown transport", "sip:proxy@10.1.2.3;transport=x", "transport"},
		{"SIP with another user", "sip:x@10.1.2.3", "not a URL"},
		{"no scheme", "10.1.2.3", "not a URL"},
		{"too long", "http://h/" + strings.Repeat("x", 255), "255"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if text, err := DHCPConfig("kea", test.url, false); err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v, want %q\n%s", err, test.says, text)
			}
		})
	}
	if _, err := DHCPConfig("windows", "http://10.1.2.3/", false); err == nil {
		t.Error("an unknown server: no error")
	}
}

func TestParseVendorClass(t *testing.T) {
	for text, want := range map[string]VendorClass{
		"digium_D40_1_0_5_46476":    {"digium", "D40", true, "1_0_5_46476"},
		"digium_D70_1_1_0_0_48178":  {"digium", "D70", true, "1_1_0_0_48178"},
		"digium_D99_2_8_1":          {"digium", "D99", false, "2_8_1"},
		"sangoma_P330_4_10_2_7895f": {"sangoma", "P330", true, "4_10_2_7895f"},
	} {
		t.Run(text, func(t *testing.T) {
			if got, err := ParseVendorClass(text); err != nil || got != want {
				t.Errorf("%+v, %v; want %+v", got, err, want)
			}
		})
	}
	for name, text := range map[string]string{
		"empty":                  "",
		"vendor alone":           "digium",
		"no version":             "digium_D40",
		"empty version":          "digium_D40_",
		"model with one digit":   "digium_D4_1_0",
		"model in small letters": "digium_d40_1_0",
		"other vendor":           "MSFT 5.0",
		"version with dots":      "digium_D40_1.0.5",
		"line end":               "digium_D40_1_0\n",
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := ParseVendorClass(text); err == nil {
				t.Errorf("taken for %+v", got)
			}
		})
	}
}

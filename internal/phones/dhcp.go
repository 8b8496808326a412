package phones

import (
	"fmt"
	"regexp"
	"strings"

	"announcer/internal/escape"
)

// DHCPServers returns the names of the DHCP servers that [DHCPConfig] can write for.
func DHCPServers() []string { return []string{"dnsmasq", "isc", "kea"} }

// DHCPWarning is a warning for administrators who point phones to their server by DHCP.
const DHCPWarning = "Option 66 beside an announcement makes every phone in factory state stop and ask a person; want one of the two on a link."

// modelPlace stands for the model in a URL.
const modelPlace = "{model}"

// phoneClass is a set of phones that a DHCP server distinguishes.
type phoneClass struct {
	name     string   // such as phones or phones-D40
	prefixes []string // of option 60: any of them
	macs     []string // first three bytes of a hardware address, such as 00:0f:d3: any of them
	url      string   // option 66
}

// DHCPConfig writes the part of a DHCP server's configuration that gives phones option 66. With perModel each model has
// a class of its own, recognized by option 60, where "{model}" in the URL stands for the model; without it one class takes all
// phones, recognized by option 60 or by the hardware address. The option is sent to phones that do not ask for it, too: some
// take it, and do not boot without it. server is one of [DHCPServers].
func DHCPConfig(server, url string, perModel bool) (string, error) {
	if err := checkDHCPURL(url, perModel); err != nil {
		return "", err
	}
	classes := []phoneClass{{"phones", []string{"digium_", "sangoma_"}, []string{phoneOUI}, url}}
	if perModel {
		classes = nil
		for _, model := range models {
			classes = append(classes, phoneClass{"phones-" + model, modelPrefixes(model), nil, strings.ReplaceAll(url, modelPlace, model)})
		}
	}
	switch server {
	case "dnsmasq":
		return comment("#") + dnsmasqClasses(classes), nil
	case "isc":
		return comment("#") + iscClasses(classes), nil
	case "kea":
		text, err := keaClasses(classes)
		return comment("//") + text, err
	}
	return "", fmt.Errorf("%q is not a supported DHCP server; want one of %s", server, strings.Join(DHCPServers(), ", "))
}

// phoneOUI begins the hardware addresses of D-series phones, and of the P-series phones that have been seen.
const phoneOUI = "00:0f:d3"

// modelPrefixes returns how option 60 of a model begins: D-series phones say digium_, of the P-series it is not known.
func modelPrefixes(model string) []string {
	prefixes := []string{"digium_" + model + "_"}
	if strings.HasPrefix(model, "P") {
		prefixes = append(prefixes, "sangoma_"+model+"_")
	}
	return prefixes
}

// comment begins each line with a mark.
func comment(mark string) string {
	lines := []string{
		"The server of Digium and Sangoma phones, for links that multicast does not reach.",
		DHCPWarning,
		"What P-series phones send in option 60 is not known: digium_P... and sangoma_P... are assumed, and without --per-model the hardware address.",
	}
	return mark + " " + strings.Join(lines, "\n"+mark+" ") + "\n"
}

var dhcpURL = regexp.MustCompile(`^(https?|ftps?)://[A-Za-z0-9._~:/\[\]@!$&()*+;=%-]+$`)

const maxDHCPOption = 255 // RFC 2132 §2

// checkDHCPURL takes what the vendor documents for option 66, and nothing that a configuration file would read
// differently.
func checkDHCPURL(url string, perModel bool) error {
	plain := url
	if perModel {
		plain = strings.ReplaceAll(url, modelPlace, "D40")
	}
	switch {
	case url == "":
		return fmt.Errorf("it is missing; want one such as http://10.1.2.3/ or %s", sipForm)
	case strings.HasPrefix(url, "tftp:"):
		return fmt.Errorf("%q: the phones don't speak TFTP; want http, https, ftp or ftps", url)
	case !perModel && strings.Contains(url, modelPlace):
		return fmt.Errorf("%q: %s stands for the model only with --per-model", url, modelPlace)
	case len(plain) > maxDHCPOption:
		return fmt.Errorf("it has %d bytes; the most that an option holds is %d", len(plain), maxDHCPOption)
	case strings.HasPrefix(plain, sipPrefix):
		return CheckConfigServer(plain)
	case !dhcpURL.MatchString(plain):
		return fmt.Errorf("%q is not a URL that phones accept; want one such as http://10.1.2.3/ or %s", url, sipForm)
	case !strings.HasSuffix(plain, "/"):
		return fmt.Errorf("%q has no slash at the end; want the directory, %s/", url, url)
	}
	return nil
}

// CheckConfigServer checks the URL of a DPMA or Switchvox server in the form that the vendor documents, such as
// sip:proxy@192.0.2.20:5060;transport=udp.
func CheckConfigServer(url string) error {
	rest, ok := strings.CutPrefix(url, sipPrefix)
	if !ok {
		return fmt.Errorf("%q does not start with sip:proxy@, which phones want word for word; want %s", url, sipForm)
	}
	server, transport, has := strings.Cut(rest, ";")
	if _, _, err := SplitServer(server); err != nil {
		return err
	}
	if has && !isTransport(transport) {
		return fmt.Errorf("%q is not a transport of phones; want %s", ";"+transport, sipForm)
	}
	return nil
}

func dnsmasqClasses(classes []phoneClass) string {
	var b strings.Builder
	for _, c := range classes {
		for _, prefix := range c.prefixes {
			fmt.Fprintf(&b, "dhcp-vendorclass=set:%s,%s\n", c.name, prefix)
		}
		for _, mac := range c.macs {
			fmt.Fprintf(&b, "dhcp-mac=set:%s,%s:*:*:*\n", c.name, mac)
		}
		fmt.Fprintf(&b, "dhcp-option-force=tag:%s,option:tftp-server,\"%s\"\n", c.name, c.url)
	}
	return b.String()
}

func iscClasses(classes []phoneClass) string {
	var b strings.Builder
	for _, c := range classes {
		var tests []string
		for _, prefix := range c.prefixes {
			tests = append(tests, fmt.Sprintf("substring(option vendor-class-identifier, 0, %d) = \"%s\"", len(prefix), prefix))
		}
		for _, mac := range c.macs {
			tests = append(tests, "substring(hardware, 1, 3) = "+mac)
		}
		fmt.Fprintf(&b, `class "%s" {
  match if %s;
  option tftp-server-name "%s";
  if exists dhcp-parameter-request-list {
    option dhcp-parameter-request-list = concat(option dhcp-parameter-request-list, 42); # option 66, asked for or not
  }
}
`, c.name, strings.Join(tests, "\n    or "), c.url)
	}
	return b.String()
}

// keaClasses writes a whole configuration with the classes alone; they go into the one that is there.
func keaClasses(classes []phoneClass) (string, error) {
	type option struct {
		Name   string `json:"name"`
		Data   string `json:"data"`
		Always bool   `json:"always-send"`
	}
	type class struct {
		Name    string   `json:"name"`
		Test    string   `json:"test"`
		Options []option `json:"option-data"`
	}
	var all []class
	for _, c := range classes {
		var tests []string
		for _, prefix := range c.prefixes {
			tests = append(tests, fmt.Sprintf("substring(option[60].hex, 0, %d) == '%s'", len(prefix), prefix))
		}
		for _, mac := range c.macs {
			tests = append(tests, "substring(pkt4.mac, 0, 3) == 0x"+strings.ReplaceAll(mac, ":", ""))
		}
		all = append(all, class{c.name, strings.Join(tests, " or "), []option{{"tftp-server-name", c.url, true}}})
	}
	var b strings.Builder
	err := escape.WriteJSON(&b, map[string]any{"Dhcp4": map[string]any{"client-classes": all}})
	return b.String(), err
}

// VendorClass is the content of DHCP option 60 of a phone.
type VendorClass struct {
	Vendor  string `json:"vendor"`  // digium
	Model   string `json:"model"`   // such as D40
	Known   bool   `json:"known"`   // whether the vendor's documents name the model
	Version string `json:"version"` // of the firmware that it has
}

var vendorClass = regexp.MustCompile(`^([a-z]+)_(` + modelPattern + `)_(` + versionPattern + `)$`)

// ParseVendorClass reads a value of option 60: VENDOR_MODEL_VERSION. Models that are not known are taken as they are.
func ParseVendorClass(text string) (VendorClass, error) {
	m := vendorClass.FindStringSubmatch(text)
	if m == nil {
		return VendorClass{}, fmt.Errorf("%q is not the option 60 of such a phone; want digium_MODEL_VERSION, such as digium_D40_1_4_0_0_63880", text)
	}
	return VendorClass{Vendor: m[1], Model: m[2], Known: Known(m[2]), Version: m[3]}, nil
}

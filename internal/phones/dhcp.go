package phones

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"announcer/services"
)

// DHCPServers gives the names of the DHCP servers that [DHCPConfig] can write for.
func DHCPServers() []string { return []string{"dnsmasq", "isc", "kea"} }

// DHCPWarning is what whoever gives phones their server by DHCP has to know.
const DHCPWarning = "Option 66 beside an announcement makes every phone in factory state stop and ask a person; want one of the two on a link."

// modelPlace stands for the model in a URL.
const modelPlace = "{model}"

// phoneClass is a set of phones that a DHCP server tells apart by option 60.
type phoneClass struct {
	name   string // such as phones or phones-D40
	prefix string // of option 60
	url    string // option 66
}

// DHCPConfig writes the part of a DHCP server's configuration that gives phones option 66, told by option 60: all
// alike or, with perModel, each model by a class of its own, where "{model}" in the URL stands for the model. server
// is one of [DHCPServers].
func DHCPConfig(server, url string, perModel bool) (string, error) {
	if err := checkDHCPURL(url, perModel); err != nil {
		return "", err
	}
	classes := []phoneClass{{"phones", "digium_", url}}
	if perModel {
		classes = nil
		for _, model := range models {
			classes = append(classes, phoneClass{"phones-" + model, "digium_" + model + "_", strings.ReplaceAll(url, modelPlace, model)})
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
	return "", fmt.Errorf("%q is not a DHCP server that is known here; want one of %s", server, strings.Join(DHCPServers(), ", "))
}

// comment begins each line with a mark.
func comment(mark string) string {
	lines := []string{
		"The server of Digium and Sangoma phones, for links that multicast does not reach.",
		DHCPWarning,
		"P-series phones are taken to say digium_P... in option 60, which is not verified.",
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
	sip, isSIP := strings.CutPrefix(plain, "sip:proxy@")
	switch {
	case url == "":
		return fmt.Errorf("it is missing; want such as http://10.1.2.3/ or %s", sipForm)
	case strings.HasPrefix(url, "tftp:"):
		return fmt.Errorf("%q: the phones don't speak TFTP; want http, https, ftp or ftps", url)
	case !perModel && strings.Contains(url, modelPlace):
		return fmt.Errorf("%q: %s stands for the model only with --per-model", url, modelPlace)
	case len(plain) > maxDHCPOption:
		return fmt.Errorf("it has %d bytes; the most that an option holds is %d", len(plain), maxDHCPOption)
	case isSIP:
		server, transport, _ := strings.Cut(sip, ";")
		if _, _, err := services.SplitServer(server); err != nil {
			return err
		}
		if transport != "" && transport != "transport=udp" && transport != "transport=tcp" && transport != "transport=tls" {
			return fmt.Errorf("%q: want %s", url, sipForm)
		}
		return nil
	case !dhcpURL.MatchString(plain):
		return fmt.Errorf("%q is no URL that phones take; want such as http://10.1.2.3/ or %s", url, sipForm)
	case !strings.HasSuffix(plain, "/"):
		return fmt.Errorf("%q has no slash at the end; want the directory, %s/", url, url)
	}
	return nil
}

func dnsmasqClasses(classes []phoneClass) string {
	var b strings.Builder
	for _, c := range classes {
		fmt.Fprintf(&b, "dhcp-vendorclass=set:%s,%s\n", c.name, c.prefix)
		fmt.Fprintf(&b, "dhcp-option=tag:%s,option:tftp-server,\"%s\"\n", c.name, c.url)
	}
	return b.String()
}

func iscClasses(classes []phoneClass) string {
	var b strings.Builder
	for _, c := range classes {
		fmt.Fprintf(&b, "class \"%s\" {\n  match if substring(option vendor-class-identifier, 0, %d) = \"%s\";\n  option tftp-server-name \"%s\";\n}\n",
			c.name, len(c.prefix), c.prefix, c.url)
	}
	return b.String()
}

// keaClasses writes a whole configuration with the classes alone; they go into the one that is there.
func keaClasses(classes []phoneClass) (string, error) {
	type option struct {
		Name string `json:"name"`
		Data string `json:"data"`
	}
	type class struct {
		Name    string   `json:"name"`
		Test    string   `json:"test"`
		Options []option `json:"option-data"`
	}
	var all []class
	for _, c := range classes {
		test := fmt.Sprintf("substring(option[60].hex, 0, %d) == '%s'", len(c.prefix), c.prefix)
		all = append(all, class{c.name, test, []option{{"tftp-server-name", c.url}}})
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	err := e.Encode(map[string]any{"Dhcp4": map[string]any{"client-classes": all}})
	return b.String(), err
}

// VendorClass is what a phone says of itself in DHCP option 60.
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

package services

import (
	"embed"
	"encoding/xml"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"announcer/internal/diag"
)

//go:embed *.service
var stockFiles embed.FS

var stockTemplates = template.Must(template.New("").Funcs(template.FuncMap{"xml": escapeXML}).ParseFS(stockFiles, "*.service"))

func escapeXML(text string) (string, error) {
	var b strings.Builder
	err := xml.EscapeText(&b, []byte(text))
	return b.String(), err
}

var presets = []string{"dpma", "switchvox", "firmware"}

// Presets returns the names of the stock definitions.
func Presets() []string { return slices.Clone(presets) }

// Fill holds the values that make a definition of a stock one. The presets dpma and switchvox need Server, firmware
// needs URL, Version and Files.
type Fill struct {
	// Name is the instance name. Every server on a link needs one of its own, so that the default holds the server:
	// "DPMA at SERVER", "Switchvox at SERVER", "Phone firmware VERSION at SERVER".
	Name      string
	Wildcards bool        // "%h" in Name stands for the host's name
	Server    string      // the SIP server: HOST, HOST:PORT, an IPv6 address or [IPv6]:PORT; the port is 5060, with tls 5061
	Transport string      // "udp" (the default), "tcp" or "tls"
	URL       string      // the HTTP directory that the files are below
	Version   string      // the version of the firmware as the phones spell it, such as 2_8_1
	Files     []ModelFile // in the order of the TXT record
}

// ModelFile is the firmware file of a phone model.
type ModelFile struct {
	Model string // such as D40
	Path  string // relative to [Fill.URL]
}

// FillError reports all that is missing or wrong in the values for a stock definition.
type FillError struct {
	Preset   string
	Problems []FillProblem
}

// FillProblem is something wrong with one value.
type FillProblem struct {
	Value string // "preset", "name", "server", "transport", "url", "version" or "files"
	Index int    // among the files
	Text  string // what is wrong; what would be right
}

// Error returns a line for each problem.
func (e *FillError) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = fmt.Sprintf("preset %s: %s: %s", e.Preset, p.Value, p.Text)
	}
	return strings.Join(lines, "\n")
}

// Stock makes an Avahi service file of a stock definition, one of [Presets]. The error is a [*FillError].
func Stock(preset string, fill Fill) ([]byte, error) {
	f := filler{fill: fill}
	var values any
	switch preset {
	case "dpma":
		values = f.sip("DPMA")
	case "switchvox":
		values = f.sip("Switchvox")
	case "firmware":
		values = f.firmware()
	default:
		f.unknown(preset)
	}
	if len(f.problems) > 0 {
		return nil, &FillError{preset, f.problems}
	}
	var b strings.Builder
	if err := stockTemplates.ExecuteTemplate(&b, preset+".service", values); err != nil {
		return nil, fmt.Errorf("preset %s: %w", preset, err)
	}
	return []byte(b.String()), nil
}

// filler checks values, and remembers what is wrong with them.
type filler struct {
	fill     Fill
	problems []FillProblem
}

func (f *filler) problem(value, format string, args ...any) {
	f.problems = append(f.problems, FillProblem{Value: value, Text: fmt.Sprintf(format, args...)})
}

func (f *filler) fileProblem(i int, format string, args ...any) {
	f.problems = append(f.problems, FillProblem{"files", i, fmt.Sprintf(format, args...)})
}

func (f *filler) unknown(preset string) {
	hint := diag.DidYouMean(preset, presets)
	if hint == "" {
		hint = "; want one of " + strings.Join(presets, ", ")
	}
	f.problem("preset", "%q is not a preset%s", preset, hint)
}

type sipValues struct {
	Name      string
	Wildcards bool
	Host      string // an IPv6 address in brackets
	Port      uint16
	Transport string
}

func (f *filler) sip(kind string) sipValues {
	v := sipValues{Wildcards: f.fill.Wildcards, Port: 5060, Transport: "udp"}
	v.Name = f.name(kind + " at " + f.fill.Server)
	switch f.fill.Transport {
	case "", "udp":
	case "tcp":
		v.Transport = "tcp"
	case "tls":
		v.Transport, v.Port = "tls", 5061
	default:
		f.problem("transport", "%q is not a transport; want udp, tcp or tls", f.fill.Transport)
	}
	f.server(&v)
	f.unused("url", f.fill.URL != "")
	f.unused("version", f.fill.Version != "")
	f.unused("files", len(f.fill.Files) > 0)
	return v
}

// unused refuses a value that the preset has no place for.
func (f *filler) unused(value string, given bool) {
	if given {
		f.problem(value, "the preset does not use it; want it left out")
	}
}

func (f *filler) name(standard string) string {
	if f.fill.Name == "" {
		return standard
	}
	if err := checkText(f.fill.Name); err != nil {
		f.problem("name", "%v", err)
	}
	return f.fill.Name
}

// checkText refuses what XML can't hold or nobody means.
func checkText(text string) error {
	if _, err := ParseName(text); err != nil {
		return err
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7F }) {
		return fmt.Errorf("%q holds a control character; want text", text)
	}
	if text != strings.TrimSpace(text) {
		return fmt.Errorf("%q has white space around it; want it without", text)
	}
	return nil
}

func (f *filler) server(v *sipValues) {
	if f.fill.Server == "" {
		f.problem("server", "it is missing; want the SIP server, such as 192.0.2.20 or pbx.example.net:5060")
		return
	}
	host, port, err := SplitServer(f.fill.Server)
	if err != nil {
		f.problem("server", "%v", err)
		return
	}
	if port != "" {
		if v.Port, err = ParsePort(port); err != nil {
			f.problem("server", "%v", err)
		}
	}
	v.Host = host
}

// SplitServer splits HOST[:PORT]: a name or an address that a phone can reach. An IPv6 address has brackets in
// the result. The port is as it was written, see [ParsePort].
func SplitServer(server string) (host, port string, err error) {
	if addr, err := netip.ParseAddr(server); err == nil {
		return checkAddr(addr, "")
	}
	if rest, ok := strings.CutPrefix(server, "["); ok {
		inside, after, closed := strings.Cut(rest, "]")
		addr, err := netip.ParseAddr(inside)
		if err != nil || !closed || after != "" && after[0] != ':' {
			return "", "", fmt.Errorf("%q is not [ADDRESS]:PORT; want an IPv6 address in the brackets, such as [2001:db8::20]:5060", server)
		}
		return checkAddr(addr, strings.TrimPrefix(after, ":"))
	}
	host, port, hasPort := strings.Cut(server, ":")
	if strings.ContainsAny(server, "/@") {
		return "", "", fmt.Errorf("%q is more than a host; want its name or address alone, such as 192.0.2.20 or pbx.example.net:5060", server)
	}
	if hasPort && port == "" {
		return "", "", fmt.Errorf("%q has no port after the colon; want one such as %s:5060", server, host)
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		return checkAddr(addr, port)
	}
	return host, port, checkHostName(host)
}

func checkAddr(addr netip.Addr, port string) (host, samePort string, err error) {
	switch {
	case addr.Zone() != "":
		return "", "", fmt.Errorf("%q has a zone, which means nothing to a phone; want an address without one", addr)
	case addr.IsUnspecified(), addr.IsMulticast():
		return "", "", fmt.Errorf("%q is not the address of a server; want one such as 192.0.2.20", addr)
	case addr.Is6():
		return "[" + addr.String() + "]", port, nil
	}
	return addr.String(), port, nil
}

var hostName = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*$`)

// checkHostName takes names as resolvers know them. A last label of digits only means an address (RFC 3696 §2).
func checkHostName(host string) error {
	last := host[strings.LastIndex(host, ".")+1:]
	switch {
	case !hostName.MatchString(host), len(host) > 253:
		return fmt.Errorf("%q is not a host; want its name or address alone, such as pbx.example.net or 192.0.2.20", host)
	case strings.Trim(last, "0123456789") == "":
		return fmt.Errorf("%q is neither a host name nor an address; want one such as pbx.example.net or 192.0.2.20", host)
	}
	return nil
}

// ParsePort reads a port of a server, 1 to 65535.
func ParsePort(text string) (uint16, error) {
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return 0, fmt.Errorf("%q is not a port; want a number from 1 to 65535", text)
	}
	return uint16(port), nil
}

type firmwareValues struct {
	Name      string
	Wildcards bool
	Port      uint16
	Site      string // scheme, host and port, without a slash at the end: what the phones expect as sipUrl
	URL       string // with a slash at the end
	Version   string
	Files     []ModelFile
}

func (f *filler) firmware() firmwareValues {
	v := firmwareValues{Wildcards: f.fill.Wildcards, Version: f.fill.Version, Files: f.fill.Files}
	server := f.url(&v)
	v.Name = f.name("Phone firmware " + f.fill.Version + " at " + server)
	f.version()
	f.files()
	f.unused("server", f.fill.Server != "")
	f.unused("transport", f.fill.Transport != "")
	return v
}

// url fills in what is known by the URL, and returns its host and port as they were written.
func (f *filler) url(v *firmwareValues) (server string) {
	if f.fill.URL == "" {
		f.problem("url", "it is missing; want the HTTP directory with the files, such as http://192.0.2.10/")
		return ""
	}
	u, err := ParseURL(f.fill.URL)
	if err != nil {
		f.problem("url", "%v", err)
		return ""
	}
	v.Port = 80
	if u.Scheme == "https" {
		v.Port = 443
	}
	if port := u.Port(); port != "" {
		if v.Port, err = ParsePort(port); err != nil {
			f.problem("url", "%v", err)
		}
	}
	v.Site = u.Scheme + "://" + u.Host
	v.URL = v.Site + strings.TrimSuffix(u.EscapedPath(), "/") + "/"
	return u.Host
}

// ParseURL reads the URL of an HTTP directory that phones load files from.
func ParseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return nil, fmt.Errorf("%q is not an HTTP URL; want one such as http://192.0.2.10/", text)
	case u.User != nil:
		return nil, fmt.Errorf("%q has a user, which every host on the link can read; want it without", u.Redacted())
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, fmt.Errorf("%q is not a directory; want a URL without ? and #, because the paths of the files are appended to it", text)
	}
	if _, _, err := SplitServer(u.Host); err != nil {
		return nil, fmt.Errorf("%q: %w", text, err)
	}
	return u, nil
}

var firmwareVersion = regexp.MustCompile(`^[0-9]+(_[0-9A-Za-z]+)*$`)

func (f *filler) version() {
	if f.fill.Version == "" {
		f.problem("version", "it is missing; want the version of the firmware, such as 2_8_1")
	} else if err := CheckFirmwareVersion(f.fill.Version); err != nil {
		f.problem("version", "%v", err)
	}
}

// CheckFirmwareVersion checks a version in the spelling of phones: numbers with underscores between them, of which the last
// can be a build number in hexadecimal.
func CheckFirmwareVersion(version string) error {
	spelled := strings.ReplaceAll(version, ".", "_")
	switch {
	case firmwareVersion.MatchString(version):
		return nil
	case firmwareVersion.MatchString(spelled):
		return fmt.Errorf("%q has dots, and phones compare it with a spelling that has underscores; want %s", version, spelled)
	}
	return fmt.Errorf("%q is not a firmware version; want one such as 2_8_1", version)
}

var modelName = regexp.MustCompile(`^[A-Z]{1,2}[0-9]{2,3}$`)

func (f *filler) files() {
	if len(f.fill.Files) == 0 {
		f.problem("files", "they are missing; want the file of each model, such as D40 at eff/2_8_1/2_8_1_D40_firmware.eff")
	}
	seen := map[string]bool{}
	for i, file := range f.fill.Files {
		switch {
		case !modelName.MatchString(file.Model):
			f.fileProblem(i, "%q is not a model; want one such as D40, in capitals", file.Model)
		case file.Model == "D80":
			f.fileProblem(i, "the D80 takes no firmware this way; want all models but that one")
		case seen[file.Model]:
			f.fileProblem(i, "%s is set twice; want one file for each model", file.Model)
		}
		seen[file.Model] = true
		f.path(i, file)
	}
}

// path checks what phones append to the URL.
func (f *filler) path(i int, file ModelFile) {
	example := "eff/2_8_1/2_8_1_" + file.Model + "_firmware.eff"
	switch path := file.Path; {
	case path == "":
		f.fileProblem(i, "%s has no file; want its path below the URL, such as %s", file.Model, example)
	case strings.Contains(path, "://"), path[0] == '/':
		f.fileProblem(i, "%q is not a path below the URL; want it without the part in the URL and without a leading slash, such as %s", path, example)
	case checkText(path) != nil, strings.ContainsAny(path, " \\?#"), slices.Contains(strings.Split(path, "/"), ".."):
		f.fileProblem(i, "%q is not a path that a phone can ask for; want one such as %s", path, example)
	}
}

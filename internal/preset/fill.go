package preset

import (
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
	"text/template"

	"announcer/internal/diag"
	"announcer/internal/phones"
	"announcer/internal/sip"
	"announcer/services"
)

var templates = template.Must(template.New("").Funcs(template.FuncMap{"xml": escapeXML}).ParseFS(services.Stock, "*.service"))

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

// OfRelease returns the values of the preset firmware for a release whose files are below a URL. If name is "", the
// preset's own name has version and server. A model that does not look for firmware by multicast DNS is left out.
func OfRelease(r phones.Release, url, name string) Fill {
	fill := Fill{Name: name, URL: url, Version: r.Version}
	for _, image := range r.Images {
		if phones.CheckModel(image.Model) == nil {
			fill.Files = append(fill.Files, ModelFile{Model: image.Model, Path: image.Path})
		}
	}
	return fill
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

// File makes an Avahi service file of a preset, one of [Presets]. The error is a [*FillError].
func File(preset string, fill Fill) ([]byte, error) {
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
	if err := templates.ExecuteTemplate(&b, preset+".service", values); err != nil {
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
	v := sipValues{Wildcards: f.fill.Wildcards, Transport: string(sip.UDP)}
	v.Name = f.name(kind + " at " + f.fill.Server)
	if f.fill.Transport != "" {
		v.Transport = f.fill.Transport
	}
	if !slices.Contains(sip.Transports(), v.Transport) {
		f.problem("transport", "%q is not a transport; want udp, tcp or tls", v.Transport)
	}
	v.Port = sip.Transport(v.Transport).Port()
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

// checkText refuses what XML can't hold or no user means.
func checkText(text string) error {
	if _, err := services.ParseName(text); err != nil {
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
	host, port, err := phones.SplitServer(f.fill.Server)
	if err != nil {
		f.problem("server", "%v", err)
		return
	}
	if port != "" {
		if v.Port, err = phones.ParsePort(port); err != nil {
			f.problem("server", "%v", err)
		}
	}
	v.Host = host
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
	u, err := phones.ParseURL(f.fill.URL)
	if err != nil {
		f.problem("url", "%v", err)
		return ""
	}
	v.Port = 80
	if u.Scheme == "https" {
		v.Port = 443
	}
	if port := u.Port(); port != "" {
		if v.Port, err = phones.ParsePort(port); err != nil {
			f.problem("url", "%v", err)
		}
	}
	v.Site = u.Scheme + "://" + u.Host
	v.URL = v.Site + strings.TrimSuffix(u.EscapedPath(), "/") + "/"
	return u.Host
}

func (f *filler) version() {
	if f.fill.Version == "" {
		f.problem("version", "it is missing; want the version of the firmware, such as 2_8_1")
	} else if err := phones.CheckVersion(f.fill.Version); err != nil {
		f.problem("version", "%v", err)
	}
}

func (f *filler) files() {
	if len(f.fill.Files) == 0 {
		f.problem("files", "they are missing; want the file of each model, such as D40 at eff/2_8_1/2_8_1_D40_firmware.eff")
	}
	seen := map[string]bool{}
	for i, file := range f.fill.Files {
		if err := phones.CheckModel(file.Model); err != nil {
			f.fileProblem(i, "%v", err)
		}
		if seen[file.Model] {
			f.fileProblem(i, "%s is set twice; want one file for each model", file.Model)
		}
		seen[file.Model] = true
		if err := phones.CheckFile(file.Model, file.Path); err != nil {
			f.fileProblem(i, "%v", err)
		}
	}
}

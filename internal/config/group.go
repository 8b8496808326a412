package config

import (
	"encoding/base64"
	"errors"
	"net/netip"

	"announcer/internal/definition"
	"announcer/internal/diag"
	"announcer/internal/dnsname"
	"announcer/internal/preset"
	"announcer/internal/publication"
	"announcer/internal/strict"
	"announcer/services"
)

// RawGroup is a group as it is written in TOML, where it can be of a preset, and in JSON.
type RawGroup struct {
	Name       string       `toml:"name" json:"name"`
	Wildcards  bool         `toml:"replace_wildcards" json:"replace_wildcards,omitempty"`
	Interfaces []string     `toml:"interfaces" json:"interfaces,omitempty"`
	OnConflict string       `toml:"on_conflict" json:"on_conflict,omitempty"`
	Check      string       `toml:"check" json:"check,omitempty"`
	Preset     string       `toml:"preset" json:"-"`
	Server     string       `toml:"server" json:"-"`
	Transport  string       `toml:"transport" json:"-"`
	URL        string       `toml:"url" json:"-"`
	Version    string       `toml:"version" json:"-"`
	Files      strict.Pairs `toml:"files" json:"-"`
	Services   []RawService `toml:"service" json:"services"`
}

// RawService is a service as it is written in TOML and JSON.
type RawService struct {
	Type      string   `toml:"type" json:"type"`
	Protocol  string   `toml:"protocol" json:"protocol,omitempty"`
	Subtypes  []string `toml:"subtypes" json:"subtypes,omitempty"`
	Domain    string   `toml:"domain" json:"domain,omitempty"`
	Host      string   `toml:"host" json:"host,omitempty"`
	Addresses []string `toml:"addresses" json:"addresses,omitempty"`
	Port      int64    `toml:"port" json:"port"`
	TXT       []RawTXT `toml:"txt" json:"txt,omitempty"`
}

// RawTXT is a string of a TXT record: text as it is, or an optional key with bytes as its value in Base64 (RFC 4648
// §4), for what is not UTF-8.
type RawTXT struct {
	Text   string `toml:"-" json:"-"`
	Key    string `toml:"key" json:"key,omitempty"`
	Base64 string `toml:"base64" json:"base64"`
}

// UnmarshalText takes a string that is written as one.
func (t *RawTXT) UnmarshalText(text []byte) error {
	t.Text = string(text)
	return nil
}

// Definition returns the group at p as it is written, with an ID if the caller sets one, and reports values that are
// wrong by themselves. standard is the policy for conflicts of a group that sets none.
func (g RawGroup) Definition(doc *strict.Document, p strict.Path, standard publication.Policy) definition.Group {
	before := doc.Found.Errors()
	group := definition.Group{Publication: publication.Publication{
		Interfaces: globs(doc, p.Key("interfaces"), g.Interfaces),
		OnConflict: policy(doc, p.Key("on_conflict"), g.OnConflict, standard),
		Check:      check(doc, p.Key("check"), g.Check),
	}}
	if doc.Has(p.Key("preset")) {
		group.Group, group.Places = g.fromPreset(doc, p)
	} else {
		group.Group, group.Places = g.fromServices(doc, p)
	}
	group.Faulty = doc.Found.Errors() > before
	return group
}

func (g RawGroup) fromPreset(doc *strict.Document, p strict.Path) (services.Group, definition.Places) {
	if doc.Has(p.Key("service")) {
		doc.Errorf(p.Key("service"), "the preset makes the service; want either a preset or [[group.service]]")
	}
	fill := preset.Fill{Name: g.Name, Wildcards: g.Wildcards, Server: g.Server, Transport: g.Transport, URL: g.URL, Version: g.Version}
	for _, file := range g.Files {
		fill.Files = append(fill.Files, preset.ModelFile{Model: file.Key, Path: file.Value})
	}
	group, err := preset.Read(g.Preset, fill)
	if err != nil {
		fillProblems(doc, p, err, g.Files)
		return group, nil
	}
	return group, groupParser{doc: doc, path: p, services: p.Key("preset")}
}

// fillProblems reports what is wrong with the values for a preset.
func fillProblems(doc *strict.Document, p strict.Path, err error, files strict.Pairs) {
	fill, ok := errors.AsType[*preset.FillError](err)
	if !ok {
		doc.Errorf(p, "%v", err)
		return
	}
	for _, problem := range fill.Problems {
		at := p.Key(problem.Value)
		if problem.Value == "files" && len(files) > 0 {
			at = at.Key(files[problem.Index].Key)
		}
		doc.Errorf(at, "%s", problem.Text)
	}
}

func (g RawGroup) fromServices(doc *strict.Document, p strict.Path) (services.Group, definition.Places) {
	for _, key := range []string{"server", "transport", "url", "version", "files"} {
		if doc.Has(p.Key(key)) {
			doc.Errorf(p.Key(key), "only a group with a preset has this key; want preset = %s too", choice(preset.Presets()))
		}
	}
	parser := groupParser{doc: doc, path: p, services: p.Key("service"), failed: map[int]bool{}}
	if !doc.Has(parser.services) {
		parser.services = p.Key("services") // JSON
	}
	group := services.Group{Name: g.Name, Wildcards: g.Wildcards}
	for i, raw := range g.Services {
		group.Services = append(group.Services, parser.service(i, raw))
	}
	if len(group.Services) == 0 {
		doc.Errorf(p, "the group has no service; want at least one")
		return group, nil
	}
	return group, parser
}

// groupParser makes the services of a group, and finds their places.
type groupParser struct {
	doc      *strict.Document
	path     strict.Path  // of the group
	services strict.Path  // of the list of services
	failed   map[int]bool // the services with an error so far
}

func (g groupParser) service(i int, raw RawService) services.Service {
	p := g.services.Index(i)
	before := g.doc.Found.Errors()
	s := services.Service{
		Type:     g.name(p.Key("type"), raw.Type, services.ParseType),
		Protocol: g.protocol(p.Key("protocol"), raw.Protocol),
		Domain:   g.name(p.Key("domain"), raw.Domain, services.ParseDomain),
		Host:     g.name(p.Key("host"), raw.Host, services.ParseHost),
	}
	for j, subtype := range raw.Subtypes {
		s.Subtypes = append(s.Subtypes, g.name(p.Key("subtypes").Index(j), subtype, services.ParseSubtype))
	}
	for j, address := range raw.Addresses {
		s.Addresses = append(s.Addresses, g.address(p.Key("addresses").Index(j), address))
	}
	if s.Port = uint16(raw.Port); int64(s.Port) != raw.Port {
		g.doc.Errorf(p.Key("port"), "%d is not a port; want a number from 1 to 65535", raw.Port)
	}
	for j, txt := range raw.TXT {
		s.TXT = append(s.TXT, g.txt(p.Key("txt").Index(j), txt))
	}
	g.failed[i] = g.doc.Found.Errors() > before
	return s
}

// name parses a name. If none is set, it returns the zero name.
func (g groupParser) name(p strict.Path, text string, parse func(string) (dnsname.Name, error)) dnsname.Name {
	if text == "" && !g.doc.Has(p) {
		return dnsname.Name{}
	}
	name, err := parse(text)
	if err != nil {
		g.doc.Errorf(p, "%v", err)
	}
	return name
}

func (g groupParser) protocol(p strict.Path, word string) services.Protocol {
	if !g.doc.Has(p) {
		return services.AnyProtocol
	}
	protocol, ok := services.ParseProtocol(word)
	if !ok {
		unknownWord(g.doc, p, word, []string{services.AnyProtocol.String(), services.IPv4.String(), services.IPv6.String()})
	}
	return protocol
}

func (g groupParser) address(p strict.Path, text string) netip.Addr {
	address, err := netip.ParseAddr(text)
	if err != nil {
		g.doc.Errorf(p, "%q is not an IP address; want one such as 192.0.2.20 or 2001:db8::20", text)
	}
	return address
}

func (g groupParser) txt(p strict.Path, raw RawTXT) string {
	switch {
	case g.doc.Has(p.Key("base64")):
	case g.doc.Has(p.Key("key")):
		g.doc.Errorf(p, "the key %q has no value; want base64 = \"...\" with it, or a string", raw.Key)
		return ""
	default:
		return raw.Text
	}
	value, err := base64.StdEncoding.DecodeString(raw.Base64)
	if err != nil {
		g.doc.Errorf(p.Key("base64"), "%q is not Base64; want one such as \"AP8=\"", raw.Base64)
	}
	if raw.Key == "" {
		return string(value)
	}
	return raw.Key + "=" + string(value)
}

// Reported implements [definition.Places]. Of a service with an error nothing more is reported.
func (g groupParser) Reported(problem services.Problem) bool {
	return g.failed[problem.Service] || g.doc.Wrong(g.place(problem))
}

// Place implements [definition.Places].
func (g groupParser) Place(problem services.Problem) diag.Finding {
	return g.doc.Place(g.place(problem))
}

// place returns the path of what a problem is about.
func (g groupParser) place(problem services.Problem) strict.Path {
	if problem.Field == services.CheckField {
		return g.path.Key("check")
	}
	if problem.Service < 0 {
		return g.path.Key("name")
	}
	p := g.services.Index(problem.Service)
	switch problem.Field {
	case services.TypeField:
		return p.Key("type")
	case services.SubtypeField:
		return p.Key("subtypes").Index(problem.Index)
	case services.DomainField:
		return p.Key("domain")
	case services.HostField:
		return p.Key("host")
	case services.PortField:
		return p.Key("port")
	case services.TXTField:
		return p.Key("txt").Index(problem.Index)
	case services.AddressField:
		return p.Key("addresses").Index(problem.Index)
	}
	return p
}

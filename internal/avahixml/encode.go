package avahixml

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"announcer/internal/avahixml/xmltree"
	"announcer/internal/diag"
	"announcer/internal/dnsname"
	"announcer/internal/escape"
	"announcer/services"
)

// header is what the files that come with Avahi start with.
const header = `<?xml version="1.0" standalone='no'?>
<!DOCTYPE service-group SYSTEM "avahi-service.dtd">
`

// Encode writes a file that Avahi, and [Decode], read back to the same group, which must be one without errors
// (see [services.Group.Check]). What a file can't say is a finding: a warning where the file says less (the addresses
// of a foreign host), an error where Avahi would read something else or nothing. A finding names the element, and no
// file or line, since the group need not come from one.
func Encode(g services.Group) ([]byte, diag.Findings) {
	var e encoder
	e.b.WriteString(header + "<service-group>\n")
	attribute := ""
	if g.Wildcards {
		attribute = ` replace-wildcards="yes"`
	}
	if !isText(g.Name) {
		e.problem(diag.Error, "name", "an Avahi file can't express the name %q; want text without control characters", g.Name)
	}
	e.element("  ", "name", attribute, g.Name)
	for _, s := range g.Services {
		e.service(s)
	}
	e.b.WriteString("</service-group>\n")
	return e.b.Bytes(), e.findings
}

type encoder struct {
	b        bytes.Buffer
	findings diag.Findings
}

func (e *encoder) problem(s diag.Severity, element, format string, args ...any) {
	e.findings = append(e.findings, diag.Finding{Element: "<" + element + ">", Severity: s, Text: diag.Clip(fmt.Sprintf(format, args...))})
}

func (e *encoder) service(s services.Service) {
	attribute := ""
	if s.Protocol != services.AnyProtocol {
		attribute = ` protocol="` + s.Protocol.String() + `"`
	}
	e.b.WriteString("  <service" + attribute + ">\n")
	encodeName(e, "type", s.Type, services.ParseType)
	for _, subtype := range s.Subtypes {
		encodeName(e, "subtype", subtype, services.ParseSubtype)
	}
	if !s.Domain.IsZero() {
		encodeName(e, "domain-name", s.Domain, services.ParseDomain)
	}
	if !s.Host.IsZero() {
		encodeName(e, "host-name", s.Host, services.ParseHost)
	}
	e.element("    ", "port", "", strconv.Itoa(int(s.Port)))
	for _, t := range s.TXT {
		e.txtRecord(t)
	}
	e.b.WriteString("  </service>\n")
	if len(s.Addresses) > 0 {
		e.problem(diag.Warning, "service", "an Avahi file can't express the addresses of %s; want them in /etc/avahi/hosts", s.Host)
	}
}

// encodeName writes a name in the escaped form, where only UTF-8 can be said.
func encodeName(e *encoder, element string, name dnsname.Name, parse func(string) (dnsname.Name, error)) {
	if _, err := parse(name.String()); err != nil {
		e.problem(diag.Error, element, "an Avahi file can't express this name: %v", err)
	}
	e.element("    ", element, "", name.String())
}

// txtRecord writes a string as text if that is possible, else its value in base64. Avahi drops a "=" at the start,
// and publishes the one behind it.
func (e *encoder) txtRecord(s string) {
	key, value, hasKey := strings.Cut(s, "=")
	switch {
	case isText(s) && strings.HasPrefix(s, "="):
		e.element("    ", "txt-record", "", "="+s)
	case isText(s):
		e.element("    ", "txt-record", "", s)
	case hasKey && key != "" && isText(key):
		e.element("    ", "txt-record", ` value-format="binary-base64"`, key+"="+base64.StdEncoding.EncodeToString([]byte(value)))
	default:
		e.problem(diag.Error, "txt-record", `an Avahi file can't express the TXT string %q; want bytes that are not text only after "key="`, s)
	}
}

func (e *encoder) element(indent, name, attribute, text string) {
	e.b.WriteString(indent + "<" + name + attribute + ">" + escape.XML(escaper.Replace(text)) + "</" + name + ">\n")
}

var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

func isText(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(c rune) bool { return !xmltree.IsCharacter(c) })
}

package convert

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"announcer/internal/diag"
	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/services"
)

// What systemd-resolved does with a file was read in systemd.dnssd(5) and in its source (resolved-dnssd.c).

func encodeDNSSD(defs []Definition, host string) ([]File, diag.Findings) {
	var files []File
	var r report
	for _, d := range defs {
		r.policies(d, "systemd", "")
		names := map[string]int{}
		for _, in := range settle([]Definition{d}, host) {
			name := d.Name
			if len(d.Group.Services) > 1 {
				name += "-" + strings.TrimPrefix(in.Service.Type.Label(), "_")
			}
			names[name]++
			if n := names[name]; n > 1 {
				name = fmt.Sprintf("%s-%d", name, n)
			}
			w := dnssdWriter{report: &r, definition: d, instance: in}
			files = append(files, File{name + ".dnssd", w.file(host)})
		}
	}
	return files, r.findings
}

// dnssdWriter writes one service.
type dnssdWriter struct {
	*report
	definition Definition
	instance   mdns.Instance
}

func (w dnssdWriter) file(host string) []byte {
	s := w.instance.Service
	var b strings.Builder
	b.WriteString("[Service]\n")
	b.WriteString("Name=" + w.name() + "\n")
	b.WriteString("Type=" + w.serviceType() + "\n")
	if subtype := w.subtype(); subtype != "" {
		b.WriteString("SubType=" + subtype + "\n")
	}
	if s.Port != 0 {
		fmt.Fprintf(&b, "Port=%d\n", s.Port)
	}
	if len(s.TXT) > 0 {
		b.WriteString(w.txt() + "\n")
	}
	w.lost(host)
	return []byte(b.String())
}

func (w dnssdWriter) error(format string, args ...any) {
	w.errorf(w.definition, w.instance.Service.Type.String(), format, args...)
}

func (w dnssdWriter) warn(format string, args ...any) {
	w.warnf(w.definition, w.instance.Service.Type.String(), format, args...)
}

// lost reports what there is no key for.
func (w dnssdWriter) lost(host string) {
	s := w.instance.Service
	if !s.Host.IsZero() && !s.Host.Equal(mdns.HostName(host)) {
		w.error("systemd announces services of its own host only, and this one is on %s", s.Host)
	}
	if !s.In().Equal(dnsname.Local) {
		w.error("systemd announces in the domain local only, and this is for %s", s.Domain)
	}
	if protocol := w.definition.Group.Services[w.instance.Index].Protocol; protocol != services.AnyProtocol {
		w.warn("systemd can't express protocol %s; it announces on IPv4 and IPv6", protocol)
	}
}

// name returns the name with the specifiers of systemd, where %H is the host and %% a percent sign.
func (w dnssdWriter) name() string {
	group, label := w.definition.Group, w.instance.Label
	if label != w.instance.Wanted {
		w.warn("%s; it is announced as %q", w.instance.Why, label)
	} else {
		label = group.Name
	}
	if strings.TrimSpace(label) != label || strings.HasSuffix(label, `\`) || strings.ContainsFunc(label, isControl) {
		w.error("systemd can't read the name %q; want one without control characters, and without blanks around it or \\ at its end", label)
	}
	if strings.ContainsAny(label, `.\`) {
		w.warn("systemd-resolved takes dots and \\ in a name as those of a domain name, and announces something else than %q", label)
	}
	name := strings.ReplaceAll(label, "%", "%%")
	if group.Wildcards && label == group.Name {
		name = strings.ReplaceAll(name, "%%h", "%H")
	}
	return name
}

func isControl(r rune) bool { return r < ' ' || r == 0x7F }

var dnssdType = regexp.MustCompile(`^_[A-Za-z][A-Za-z0-9-]*$`)

func (w dnssdWriter) serviceType() string {
	t := w.instance.Service.Type
	if !dnssdType.MatchString(t.Label()) {
		w.error("systemd takes types of letters, digits and hyphens only, with a letter first")
	}
	return t.String()
}

// subtype returns the one subtype that a file can hold, without the type behind it.
func (w dnssdWriter) subtype() string {
	first := ""
	for _, sub := range w.instance.Service.Subtypes {
		switch {
		case !sub.Parent().Parent().Equal(w.instance.Service.Type):
			w.warn("systemd can't express the subtype %s, which is of another type", sub)
		case first != "":
			w.warn("systemd takes one subtype, %s; %s is left out", first, sub)
		default:
			label, _ := dnsname.New(sub.Label())
			first = label.String()
			w.warn("systemd reads SubType= from release 256 on; an earlier one, such as 252 of Debian 12, announces the service without the subtype %s", first)
		}
	}
	return first
}

// txt returns the line for the TXT record. A second line would be a second record, so that bytes that text can't hold
// make all strings binary.
func (w dnssdWriter) txt() string {
	binary := false
	for _, t := range w.instance.Service.TXT {
		binary = binary || strings.Contains(t, "\x00")
	}
	words := []string{}
	for _, t := range w.instance.Service.TXT {
		key, value, hasValue := strings.Cut(t, "=")
		switch {
		case !isASCII(key):
			w.warn("systemd can't express the TXT string %.80q, whose key is not ASCII; it is left out", t)
			continue
		case t == "=":
			w.warn("systemd can't express the TXT string %q; it is left out", t)
			continue
		case hasValue && value == "":
			w.warn("systemd can't express an empty value; the TXT string %q becomes %q", t, key)
		case hasValue && binary:
			key += "=" + base64.StdEncoding.EncodeToString([]byte(value))
		default:
			key = t
		}
		words = append(words, cQuote(key))
	}
	option := "TxtText="
	if binary {
		option = "TxtData="
	}
	return option + strings.Join(words, " ")
}

// isASCII reports whether systemd takes text as a key: ASCII without NUL.
func isASCII(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r == 0 || r >= utf8.RuneSelf })
}

// cQuote returns a word in quotes, with the escapes of C as needed.
func cQuote(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteByte(byte(r))
		case isControl(r), r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, text[0])
		default:
			b.WriteString(text[:size])
		}
		text = text[size:]
	}
	b.WriteByte('"')
	return b.String()
}

package convert

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"announcer/internal/definition"
	"announcer/internal/diag"
	"announcer/internal/publication"
	"announcer/services"
)

// DNSSD is the format of systemd.dnssd(5): one service in a file.
const DNSSD Format = "dnssd"

func init() {
	register(codec{DNSSD, ".dnssd", 4, decodeDNSSD, encodeDNSSD})
}

var dnssdKeys = []string{"Name", "Type", "SubType", "Port", "Priority", "Weight", "TxtText", "TxtData"}

func decodeDNSSD(file string, data []byte, _ string) *definition.File {
	written := definition.New(file)
	r := &dnssdReader{found: written.Found, lines: map[string]int{}}
	if !utf8.Valid(data) {
		r.add(0, "", diag.Error, "the file is not UTF-8; want text in UTF-8")
		return written
	}
	section := ""
	for _, l := range logicalLines(string(data)) {
		if inner, ok := strings.CutPrefix(l.text, "["); ok {
			section = strings.TrimSuffix(inner, "]")
			if section != "Service" {
				r.add(l.number, l.text, diag.Warning, "systemd knows the section [Service] only; this one is left out")
			}
		} else if section == "Service" {
			r.assign(l)
		} else if section == "" {
			r.add(l.number, "", diag.Warning, "%q is outside of [Service]; it is left out", l.text)
		}
	}
	r.addSubtype()
	if r.found.Errors() == 0 {
		written.Groups = []definition.Group{{Publication: publication.Publication{Group: r.group()}, Places: r}}
	}
	return written
}

// line is a line of a file with those that continue it.
type line struct {
	number int
	text   string
}

// logicalLines returns the lines that are neither empty nor comments. A backslash at the end of a line puts the next
// one behind it.
func logicalLines(text string) []line {
	var lines []line
	continues := false
	for i, raw := range strings.Split(text, "\n") {
		trimmed := strings.Trim(raw, " \t\r")
		if trimmed == "" && !continues || strings.HasPrefix(trimmed, "#") || strings.HasPrefix(trimmed, ";") {
			continue
		}
		if !continues {
			lines = append(lines, line{number: i + 1})
		}
		last := &lines[len(lines)-1]
		last.text += trimmed
		if continues = oddBackslash(strings.TrimRight(raw, "\r")); continues {
			last.text = strings.TrimSuffix(last.text, `\`) + " "
		}
	}
	return lines
}

// oddBackslash reports whether the last character is a backslash that no other one escapes.
func oddBackslash(text string) bool {
	return (len(text)-len(strings.TrimRight(text, `\`)))%2 == 1
}

type dnssdReader struct {
	found *diag.Collector
	lines map[string]int // where a key was set last

	name, subtype string
	wildcards     bool
	service       services.Service
	records       int // of TXT
}

// assign takes one line of the section. As with systemd a later line replaces an earlier one, and an empty value
// takes it back; but TxtText and TxtData add up.
func (r *dnssdReader) assign(l line) {
	key, value, ok := strings.Cut(l.text, "=")
	key, value = strings.TrimSpace(key), strings.TrimSpace(value)
	if !ok {
		r.add(l.number, "", diag.Warning, "%q is not an assignment; want KEY=VALUE", l.text)
		return
	}
	r.lines[key] = l.number
	var err error
	switch key {
	case "Name":
		r.name, r.wildcards, err = unspecify(value)
	case "Type":
		r.service.Type, err = services.ParseType(value)
	case "SubType":
		r.subtype = value
	case "Port":
		r.service.Port, err = port(value)
	case "Priority", "Weight":
		if value != "" && value != "0" {
			r.add(l.number, key, diag.Warning, "announcer publishes 0, not %s", value)
		}
	case "TxtText":
		err = r.txt(l, key, value, nil)
	case "TxtData":
		err = r.txt(l, key, value, base64.StdEncoding)
	default:
		r.add(l.number, key, diag.Warning, "systemd has no such key, and it is left out%s", diag.DidYouMean(key, dnssdKeys))
	}
	if err != nil {
		r.add(l.number, key, diag.Error, "%v", err)
	}
}

// unspecify returns a name without the specifiers of systemd.
func unspecify(value string) (name string, wildcards bool, err error) {
	var b strings.Builder
	literal := false // holds "%h" that is not the host
	for i := 0; i < len(value); i++ {
		next := byte(0)
		if value[i] == '%' && i+1 < len(value) {
			next = value[i+1]
		}
		switch {
		case next == '%':
			b.WriteByte('%')
			literal = literal || strings.HasPrefix(value[i+2:], "h")
			i++
		case next == 'H':
			b.WriteString("%h")
			wildcards = true
			i++
		case next != 0 && strings.IndexByte("aAbBmMovwW", next) >= 0:
			return "", false, fmt.Errorf("the specifier %%%c has no counterpart here; of systemd's, only %%H has", next)
		default:
			b.WriteByte(value[i])
			literal = literal || next == 'h'
		}
	}
	if wildcards && literal {
		return "", false, fmt.Errorf("%q has both %%h and %%H, which would both be the host here; want one without %%h", value)
	}
	return b.String(), wildcards, nil
}

func port(value string) (uint16, error) {
	if value == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(value, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("%q is not a port; want a number from 1 to 65535", value)
	}
	return uint16(n), nil
}

// txt adds the strings of a line. Values are encoded in what is given, or text.
func (r *dnssdReader) txt(l line, option, value string, encoding *base64.Encoding) error {
	if value == "" {
		r.service.TXT, r.records = nil, 0
		return nil
	}
	words, err := cWords(value)
	if err != nil {
		return err
	}
	if r.records++; r.records > 1 {
		r.add(l.number, option, diag.Warning, "for systemd this line is a separate TXT record; here its strings join those of the lines before")
	}
	for _, word := range words {
		key, value, _ := strings.Cut(word, "=")
		if !isASCII(key) {
			r.add(l.number, option, diag.Warning, "systemd leaves %q out, whose key is not ASCII; so it is here", word)
			continue
		}
		if encoding != nil {
			decoded, err := encoding.DecodeString(value)
			if err != nil {
				return fmt.Errorf("%q is not Base64; want one such as AP8=", value)
			}
			value = string(decoded)
		}
		if value != "" { // systemd publishes "key=" as "key"
			key += "=" + value
		}
		r.service.TXT = append(r.service.TXT, key)
	}
	return nil
}

func (r *dnssdReader) group() services.Group {
	return services.Group{Name: r.name, Wildcards: r.wildcards, Services: []services.Service{r.service}}
}

// addSubtype adds the subtype, which is below the type.
func (r *dnssdReader) addSubtype() {
	if r.subtype == "" || r.service.Type.IsZero() {
		return
	}
	subtype, err := services.ParseSubtype(r.subtype + "._sub." + r.service.Type.String())
	if err != nil {
		r.add(r.lines["SubType"], "SubType", diag.Error, "%v", err)
		return
	}
	r.service.Subtypes = append(r.service.Subtypes, subtype)
}

func (r *dnssdReader) add(line int, element string, severity diag.Severity, format string, args ...any) {
	r.found.Addf(severity, line, element, format, args...)
}

// Reported implements [definition.Places]. A file with an error is not checked.
func (r *dnssdReader) Reported(services.Problem) bool { return false }

// Place implements [definition.Places].
func (r *dnssdReader) Place(p services.Problem) diag.Finding {
	key := map[services.Field]string{
		services.NameField: "Name", services.ServiceField: "Type", services.TypeField: "Type", services.SubtypeField: "SubType",
		services.PortField: "Port", services.TXTField: "TxtText",
	}[p.Field]
	if p.Field == services.TXTField && r.lines[key] == 0 {
		key = "TxtData"
	}
	return diag.Finding{Line: r.lines[key], Element: key}
}

// cWords splits a line at blanks that are not in quotes, and undoes quotes and the escapes of C.
func cWords(text string) ([]string, error) {
	var words []string
	var word strings.Builder
	inWord, quote := false, byte(0)
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\\' && i+1 < len(text):
			raw, n := cUnescape(text[i:])
			word.WriteString(raw)
			inWord = true
			i += n - 1
		case c == quote && quote != 0:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			inWord, quote = true, c
		case quote == 0 && (c == ' ' || c == '\t'):
			if inWord {
				words = append(words, word.String())
				word.Reset()
				inWord = false
			}
		default:
			word.WriteByte(c)
			inWord = true
		}
	}
	if quote != 0 {
		return nil, errors.New("a quote is not closed; want another one")
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}

var cEscapes = map[byte]string{
	'a': "\a", 'b': "\b", 'f': "\f", 'n': "\n", 'r': "\r", 't': "\t", 'v': "\v", '\\': `\`, '"': `"`, '\'': "'", 's': " ",
}

// cUnescape reads the escape that text starts with, and says how many bytes it has. What is no escape, and what would
// be NUL, stands for itself.
func cUnescape(text string) (raw string, n int) {
	if raw, ok := cEscapes[text[1]]; ok {
		return raw, 2
	}
	for _, e := range []struct {
		prefix       string
		digits, base int
	}{{`\x`, 2, 16}, {`\u`, 4, 16}, {`\U`, 8, 16}, {`\`, 3, 8}} {
		end := len(e.prefix) + e.digits
		if !strings.HasPrefix(text, e.prefix) || len(text) < end {
			continue
		}
		number, err := strconv.ParseUint(text[len(e.prefix):end], e.base, 32)
		isByte := e.digits < 4
		switch {
		case err != nil || number == 0 || isByte && number > 255 || !isByte && !utf8.ValidRune(rune(number)):
		case isByte:
			return string([]byte{byte(number)}), end
		default:
			return string(rune(number)), end
		}
	}
	return text[:2], 2
}

package config

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"announcer/internal/dnsname"
	"announcer/internal/escape"
	"announcer/internal/publication"
	"announcer/services"
)

// NewRawGroup returns the form in which a publication is written.
func NewRawGroup(p publication.Publication) RawGroup {
	raw := RawGroup{Name: p.Group.Name, Wildcards: p.Group.Wildcards, Interfaces: p.Interfaces}
	if !p.OnConflict.IsDefault() {
		raw.OnConflict = p.OnConflict.String()
	}
	if p.Check != publication.NoCheck {
		raw.Check = p.Check.String()
	}
	for _, s := range p.Group.Services {
		raw.Services = append(raw.Services, newRawService(s))
	}
	return raw
}

func newRawService(s services.Service) RawService {
	raw := RawService{Type: s.Type.String(), Domain: nameText(s.Domain), Host: nameText(s.Host), Port: int64(s.Port)}
	if s.Protocol != services.AnyProtocol {
		raw.Protocol = s.Protocol.String()
	}
	for _, subtype := range s.Subtypes {
		raw.Subtypes = append(raw.Subtypes, subtype.String())
	}
	for _, address := range s.Addresses {
		raw.Addresses = append(raw.Addresses, address.String())
	}
	for _, txt := range s.TXT {
		raw.TXT = append(raw.TXT, NewRawTXT(txt))
	}
	return raw
}

func nameText(name dnsname.Name) string {
	if name.IsZero() {
		return ""
	}
	return name.String()
}

// NewRawTXT returns the form in which a string of a TXT record is written.
func NewRawTXT(txt string) RawTXT {
	if utf8.ValidString(txt) {
		return RawTXT{Text: txt}
	}
	key, value, hasValue := strings.Cut(txt, "=")
	if key == "" || !hasValue || !utf8.ValidString(key) {
		key, value = "", txt
	}
	return RawTXT{Key: key, Base64: base64.StdEncoding.EncodeToString([]byte(value))}
}

// MarshalJSON returns a string for text, else an object.
func (t RawTXT) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if t.Base64 == "" {
		err := e.Encode(t.Text)
		return b.Bytes(), err
	}
	type object RawTXT
	err := e.Encode(object(t))
	return b.Bytes(), err
}

// EncodeTOML writes groups in the format of announcer.toml, without keys that have their default value.
func EncodeTOML(groups []RawGroup) []byte {
	var w tomlWriter
	for i, g := range groups {
		if i > 0 {
			w.WriteByte('\n')
		}
		w.group(g)
	}
	return w.Bytes()
}

type tomlWriter struct{ bytes.Buffer }

func (w *tomlWriter) group(g RawGroup) {
	w.WriteString("[[group]]\n")
	w.set("name", quote(g.Name))
	if g.Wildcards {
		w.set("replace_wildcards", "true")
	}
	w.list("interfaces", g.Interfaces)
	w.word("on_conflict", g.OnConflict)
	w.word("check", g.Check)
	for _, s := range g.Services {
		w.WriteByte('\n')
		w.service(s)
	}
}

func (w *tomlWriter) service(s RawService) {
	w.WriteString("[[group.service]]\n")
	w.set("type", quote(s.Type))
	w.word("protocol", s.Protocol)
	w.list("subtypes", s.Subtypes)
	w.word("domain", s.Domain)
	w.word("host", s.Host)
	w.list("addresses", s.Addresses)
	w.set("port", strconv.FormatInt(s.Port, 10))
	w.txt(s.TXT)
}

func (w *tomlWriter) set(key, value string) { w.WriteString(key + " = " + value + "\n") }

// word writes a string that is not empty.
func (w *tomlWriter) word(key, word string) {
	if word != "" {
		w.set(key, quote(word))
	}
}

// list writes a list that is not empty.
func (w *tomlWriter) list(key string, words []string) {
	if len(words) == 0 {
		return
	}
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = quote(word)
	}
	w.set(key, "["+strings.Join(quoted, ", ")+"]")
}

// txt writes a list with a string on each line.
func (w *tomlWriter) txt(strs []RawTXT) {
	if len(strs) == 0 {
		return
	}
	w.WriteString("txt = [\n")
	for _, t := range strs {
		w.WriteString("  " + t.toml() + ",\n")
	}
	w.WriteString("]\n")
}

func (t RawTXT) toml() string {
	switch {
	case t.Base64 == "":
		return quote(t.Text)
	case t.Key == "":
		return fmt.Sprintf("{ base64 = %q }", t.Base64)
	}
	return fmt.Sprintf("{ key = %s, base64 = %q }", quote(t.Key), t.Base64)
}

// quote returns text as a basic string of TOML.
func quote(text string) string { return `"` + escape.TOML(quotes.Replace(text)) + `"` }

var quotes = strings.NewReplacer(`"`, `\"`, `\`, `\\`)

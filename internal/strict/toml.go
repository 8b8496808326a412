package strict

import (
	"errors"
	"strings"

	"github.com/BurntSushi/toml"
)

// TOML reads a TOML document. If that is not possible, the document is empty and its findings say why.
func TOML(file string, data []byte) *Document {
	d := newDocument(file, data, "toml")
	if strings.HasPrefix(d.text, "\xff\xfe") || strings.HasPrefix(d.text, "\xfe\xff") { // the library passes over these bytes
		d.fault(0, "this is not TOML: it is UTF-16; want UTF-8")
		return d
	}
	s := scanner{text: d.text, places: d.places, tables: map[Path]int{}}
	s.document()
	if s.tooDeep {
		d.fault(s.at, "tables and lists are nested more than %d deep; no key of announcer is", maxDepth)
		return d
	}
	if _, err := toml.Decode(d.text, &d.root); err != nil {
		d.tomlFault(err)
	}
	return d
}

func (d *Document) tomlFault(err error) {
	offset, message := 0, err.Error()
	if parse, ok := errors.AsType[toml.ParseError](err); ok {
		offset, message = parse.Position.Start, parse.Message
	}
	d.fault(offset, "this is not TOML: %s", strings.TrimSuffix(message, "."))
}

// Package strict reads TOML and JSON that users write into structs. Every key must be known and every value must have
// the right type; all errors are reported at once, with their lines and columns.
package strict

import (
	"fmt"
	"strconv"
	"strings"

	"announcer/internal/diag"
)

// Document is a TOML or JSON document: its values, where each of them stands, and what is wrong with it.
type Document struct {
	Found *diag.Collector

	text   string
	tag    string // of the struct fields: "toml" or "json"
	root   map[string]any
	places map[Path]int  // offsets in text
	wrong  map[Path]bool // values of the wrong kind
}

func newDocument(file string, data []byte, tag string) *Document {
	return &Document{Found: diag.Collect(file), text: string(data), tag: tag, places: map[Path]int{}, wrong: map[Path]bool{}}
}

// Path leads to a value of a document; the zero Path to the document itself.
type Path string

// maxDepth is the most keys and indexes in a path. No document of ours has more than 7, and the time that the TOML
// library takes grows with the square of it.
const maxDepth = 10

const (
	keyMark   = "\x00k"
	indexMark = "\x00i"
)

// Key returns the path of a value in a table.
func (p Path) Key(key string) Path { return p + keyMark + Path(key) }

// Index returns the path of an element of a list.
func (p Path) Index(i int) Path { return p + indexMark + Path(strconv.Itoa(i)) }

// parent cuts the last key or index off.
func (p Path) parent() Path { return p[:max(strings.LastIndexByte(string(p), 0), 0)] }

func (p Path) depth() int { return strings.Count(string(p), "\x00") }

// keys returns the keys without the indexes, with a dot between them: "group.service".
func (p Path) keys() string {
	var keys []string
	for step := range strings.SplitSeq(string(p), "\x00") {
		if key, ok := strings.CutPrefix(step, "k"); ok {
			keys = append(keys, key)
		}
	}
	return strings.Join(keys, ".")
}

// name returns the last key of the path, "" for the document.
func (p Path) name() string {
	keys := p.keys()
	return keys[strings.LastIndexByte(keys, '.')+1:]
}

// Has reports whether the document holds the value that p leads to, by keys that are known.
func (d *Document) Has(p Path) bool {
	_, ok := d.places[p]
	return ok
}

// Errorf reports an error in the value that p leads to or, if that is missing, in what it is missing from.
func (d *Document) Errorf(p Path, format string, args ...any) {
	d.Report(p, diag.Error, "", fmt.Sprintf(format, args...))
}

// Report adds a finding at the value that p leads to, unless [Document.Wrong].
func (d *Document) Report(p Path, severity diag.Severity, code, text string) {
	if !d.Wrong(p) {
		d.report(p, p.name(), severity, code, text)
	}
}

// Wrong reports whether the value that p leads to is of the wrong kind, which is reported already.
func (d *Document) Wrong(p Path) bool { return d.wrong[p] }

func (d *Document) report(p Path, element string, severity diag.Severity, code, text string) {
	d.Found.Add(severity, func() diag.Finding {
		f := d.Place(p)
		f.Element, f.Code, f.Text = element, code, text
		return f
	})
}

// Place returns a finding with the line, column and element of the value that p leads to or, if that is missing, of what it
// is missing from.
func (d *Document) Place(p Path) (f diag.Finding) {
	f.Line, f.Column = d.place(p)
	f.Element = p.name()
	return f
}

// place returns the line and column where a value or its key begins; 0 if p leads to the document itself.
func (d *Document) place(p Path) (line, column int) {
	offset, ok := d.places[p]
	for ; !ok && p != ""; offset, ok = d.places[p] {
		p = p.parent()
	}
	if !ok {
		return 0, 0
	}
	return position(d.text, offset)
}

// position returns the line and column of an offset, both from 1.
func position(text string, offset int) (line, column int) {
	before := text[:min(max(offset, 0), len(text))]
	return 1 + strings.Count(before, "\n"), len(before) - strings.LastIndexByte(before, '\n')
}

// fault reports that the text is no document at all, and forgets what was read of it.
func (d *Document) fault(offset int, format string, args ...any) {
	d.root, d.places = nil, nil
	d.Found.Add(diag.Error, func() (f diag.Finding) {
		f.Line, f.Column = position(d.text, offset)
		f.Text = fmt.Sprintf(format, args...)
		return f
	})
}

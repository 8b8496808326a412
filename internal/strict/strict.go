// Package strict reads TOML and JSON that users write into structs. Every key must be known and every value must have
// the right type; all errors are reported at once, with their lines.
package strict

import (
	"fmt"
	"strconv"
	"strings"

	"announcer/internal/diag"
)

// Document is a TOML or JSON document: its values, where each of them stands, and what is wrong with it.
type Document struct {
	Findings diag.Findings

	file   string
	text   string
	tag    string // of the struct fields: "toml" or "json"
	root   map[string]any
	places map[Path]int  // offsets in text
	wrong  map[Path]bool // values of the wrong kind
}

func newDocument(file string, data []byte, tag string) *Document {
	return &Document{file: file, text: string(data), tag: tag, places: map[Path]int{}, wrong: map[Path]bool{}}
}

// Path leads to a value of a document; the zero Path to the document itself.
type Path string

const (
	// MaxFindings is the most errors, and the most warnings, that are reported of one document.
	MaxFindings = 100

	maxText = 1000 // bytes of a finding; more is somebody's data
)

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

// Errorf reports an error in the value that p leads to or, where that is missing, in what it is missing from.
func (d *Document) Errorf(p Path, format string, args ...any) {
	d.Report(p, diag.Error, "", fmt.Sprintf(format, args...))
}

// Report adds a finding with a code, as [Document.Errorf] does without one. Of a value of the wrong kind, which is reported already, nothing
// more is said.
func (d *Document) Report(p Path, severity diag.Severity, code, text string) {
	if !d.wrong[p] {
		d.report(p, p.name(), severity, code, text)
	}
}

func (d *Document) report(p Path, element string, severity diag.Severity, code, text string) {
	same := 0
	for _, f := range d.Findings {
		if f.Severity == severity {
			same++
		}
	}
	if same == MaxFindings {
		return
	}
	line, column := d.place(p)
	d.Findings = append(d.Findings, diag.Finding{File: d.file, Line: line, Column: column, Element: clip(element), Severity: severity, Code: code, Text: clip(text)})
}

// clip cuts what is too long to be read off.
func clip(text string) string {
	if len(text) <= maxText {
		return text
	}
	return strings.ToValidUTF8(text[:maxText], "") + "..."
}

// place returns the line where a value or its key begins, and the column where something else is in front on that line.
func (d *Document) place(p Path) (line, column int) {
	offset, ok := d.places[p]
	for ; !ok && p != ""; offset, ok = d.places[p] {
		p = p.parent()
	}
	if !ok {
		return 0, 0
	}
	line, column = position(d.text, offset)
	if strings.TrimLeft(d.text[offset-column+1:offset], " \t") == "" {
		column = 0
	}
	return line, column
}

// position returns the line and column of an offset, both from 1.
func position(text string, offset int) (line, column int) {
	before := text[:min(max(offset, 0), len(text))]
	return 1 + strings.Count(before, "\n"), len(before) - strings.LastIndexByte(before, '\n')
}

// fault reports that the text is no document at all, and forgets what was read of it.
func (d *Document) fault(offset int, format string, args ...any) {
	d.root, d.places = nil, nil
	line, column := position(d.text, offset)
	d.Findings = append(d.Findings, diag.Finding{File: d.file, Line: line, Column: column, Severity: diag.Error, Text: fmt.Sprintf(format, args...)})
}

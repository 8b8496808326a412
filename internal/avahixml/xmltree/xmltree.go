// Package xmltree reads an XML file into a tree, and accepts and refuses what expat 2.5 accepts and refuses for a
// program that sets no options, such as Avahi: no namespaces, no validation, no external entities; internal entities
// and default attributes of the DOCTYPE are applied.
//
// encoding/xml is another language: of the 228 documents of TestLikeExpat it accepts 66 that expat refuses, and refuses 26 that
// expat accepts (TestEncodingXMLIsNotExpat).
//
// This package differs from expat in two points: it has limits, [MaxExpansion] and [MaxDepth], and the letters in names
// are those of current Unicode, up to U+FFFF, where expat knows those of 1996.
package xmltree

import (
	"errors"
	"strings"
)

const (
	// MaxExpansion is the most bytes of text that entities and default attributes may add to one file.
	MaxExpansion = 64 << 10
	// MaxDepth is how deep elements may stand in one another, and entities likewise.
	MaxDepth = 64
)

// Document is the part of a file that could be read.
type Document struct {
	Root    *Element     // nil if there is none
	Dropped []Reference  // entities that are not defined here and may be elsewhere: left out
	Err     *SyntaxError // why reading stopped early; nil if the file is well-formed

	text string // in UTF-8, without a byte-order mark
}

// Element is an element with what stands in it. An At in this package is a place in the file, for
// [Document.Position]; what comes of an entity has the place of the reference to it.
type Element struct {
	Name       string
	At         int // of its "<"
	Attributes []Attribute
	Text       []Piece // the character data directly in it
	Children   []*Element
	Closed     bool // its end was read
}

// Attribute is an attribute as written, or as the DOCTYPE adds it; the written ones come first.
type Attribute struct {
	Name    string
	At      int
	Value   string
	ValueAt int
}

// Piece is a part of character data: expat gives a program a line, a line end, a reference, or what stands
// between them and markup, each on its own, and to Avahi the cuts matter.
type Piece struct {
	Text string
	At   int
}

// Within returns the place of the byte i of a piece. What comes of an entity has the place of the reference to it.
func (d *Document) Within(p Piece, i int) int {
	if strings.HasPrefix(d.text[p.At:], p.Text) {
		return p.At + i
	}
	return p.At
}

// Reference is a reference to an entity.
type Reference struct {
	Name    string
	At      int
	Element string // in which it stands
}

// SyntaxError is the reason why a file is not well-formed.
type SyntaxError struct {
	At      int
	Element string // in which it stands; "" outside of the root
	Text    string // what is wrong; what would be right
}

// Error returns the text alone; the place depends on the document.
func (e *SyntaxError) Error() string { return e.Text }

// Parse reads a file. What was read before a mistake is in the document too.
func Parse(data []byte) *Document {
	p := &parser{doc: &Document{}}
	p.doc.Err, _ = errors.AsType[*SyntaxError](p.document(data))
	return p.doc
}

// Position returns the line and the column, both from 1, as an editor shows them. The column counts bytes of the
// text in UTF-8, whatever the file's encoding; a byte-order mark counts nothing.
func (d *Document) Position(at int) (line, column int) {
	before := d.text[:min(at, len(d.text))]
	return 1 + strings.Count(before, "\n"), len(before) - strings.LastIndexByte(before, '\n')
}

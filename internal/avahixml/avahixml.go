// Package avahixml reads and writes the service files of Avahi, avahi.service(5).
//
// It accepts what Avahi accepts, with the same meaning; it refuses what Avahi refuses, whether Avahi does so when
// it reads a file or later, when it publishes it. It differs where Avahi accepts a file and loses something in it:
// two services of one type are both kept (see [services.Group.Check]), a port that is a word or beyond 65535 is refused
// though C's arithmetic makes a number of it, and so is a file that is not bounded ([MaxSize],
// [xmltree.MaxExpansion]). What Avahi accepts, but a user hardly means, is a warning.
package avahixml

import (
	"fmt"
	"slices"
	"strings"

	"announcer/internal/avahixml/xmltree"
	"announcer/internal/diag"
)

// MaxSize is the most bytes that a file may have.
const MaxSize = 1 << 20

// rule defines where an element belongs and which attribute it may have.
type rule struct {
	element   string
	parent    string // "": it is the root
	attribute string // "": none
}

var grammar = []rule{
	{"service-group", "", ""},
	{"name", "service-group", "replace-wildcards"},
	{"service", "service-group", "protocol"},
	{"type", "service", ""},
	{"subtype", "service", ""},
	{"domain-name", "service", ""},
	{"host-name", "service", ""},
	{"port", "service", ""},
	{"txt-record", "service", "value-format"},
}

// ruleOf returns the rule of an element, the zero rule where Avahi knows no such element.
func ruleOf(element string) rule {
	i := slices.IndexFunc(grammar, func(r rule) bool { return r.element == element })
	if i < 0 {
		return rule{}
	}
	return grammar[i]
}

// childrenOf returns the elements that may stand in another, of "" the root.
func childrenOf(parent string) []string {
	var names []string
	for _, r := range grammar {
		if r.parent == parent {
			names = append(names, r.element)
		}
	}
	return names
}

// meant returns the element that the writer of e meant: its name or, after an error was reported, the one that it
// resembles; "" if there is none that may stand here.
func (d *decoder) meant(e *xmltree.Element, parent string) string {
	switch r := ruleOf(e.Name); {
	case r.element == "":
	case r.parent == parent:
		return e.Name
	default:
		d.misplaced = true
		d.errorf(e.At, e.Name, "it is not allowed %s; want it %s%s", within(parent), within(r.parent), missingEnd(e, parent))
		return ""
	}
	here := childrenOf(parent)
	near := diag.Nearest(e.Name, here)
	switch {
	case near != "":
		d.errorf(e.At, e.Name, "unknown element; did you mean <%s>?", near)
	case e.Name == ruleOf(parent).attribute:
		d.errorf(e.At, e.Name, `unknown element; want an attribute: <%s %s="...">`, parent, e.Name)
	default:
		d.errorf(e.At, e.Name, "unknown element; want <%s>", strings.Join(here, ">, <"))
	}
	return near
}

func within(parent string) string {
	if parent == "" {
		return "at the top of the file"
	}
	return "in <" + parent + ">"
}

// missingEnd is a hint where an element stands in one of its own name.
func missingEnd(e *xmltree.Element, parent string) string {
	if e.Name == parent {
		return "; is </" + parent + "> missing before it?"
	}
	return ""
}

// attribute returns the attribute that the element may have, if it has it, and complains of all others.
func (d *decoder) attribute(e *xmltree.Element, element string) (a xmltree.Attribute, ok bool) {
	allowed := ruleOf(element).attribute
	for _, found := range e.Attributes {
		switch {
		case found.Name == allowed:
			a, ok = found, true
		case allowed == "":
			d.errorf(found.At, e.Name, "unknown attribute %s; want none", found.Name)
		default:
			hint := diag.DidYouMean(found.Name, []string{allowed})
			if hint == "" {
				hint = "; want " + allowed + " alone"
			}
			d.errorf(found.At, e.Name, "unknown attribute %s%s", found.Name, hint)
		}
	}
	return a, ok
}

// noChildren complains of elements in one that holds text alone.
func (d *decoder) noChildren(e *xmltree.Element) {
	for _, child := range e.Children {
		d.errorf(child.At, child.Name, "it is not allowed in <%s>, which holds text alone%s", e.Name, missingEnd(child, e.Name))
	}
}

// noText complains of text in an element that holds other elements, once for each line.
func (d *decoder) noText(e *xmltree.Element) {
	for _, line := range between(e) {
		if text := trim(joined(line)); text != "" {
			first := line[slices.IndexFunc(line, func(p xmltree.Piece) bool { return trim(p.Text) != "" })]
			indent := len(first.Text) - len(strings.TrimLeft(first.Text, space))
			d.warnf(d.doc.Within(first, indent), e.Name, "the text %q is ignored; want <!-- --> around a comment", text)
		}
	}
}

// between returns the lines of text in an element. A child element ends one, too.
func between(e *xmltree.Element) (lines [][]xmltree.Piece) {
	rest, isOpen := e.Children, false
	for _, piece := range e.Text {
		for len(rest) > 0 && rest[0].At <= piece.At {
			rest, isOpen = rest[1:], false
		}
		if !isOpen {
			lines = append(lines, nil)
		}
		lines[len(lines)-1] = append(lines[len(lines)-1], piece)
		isOpen = piece.Text != "\n"
	}
	return lines
}

func joined(pieces []xmltree.Piece) string {
	var text strings.Builder
	for _, piece := range pieces {
		text.WriteString(piece.Text)
	}
	return text.String()
}

// space is what XML takes for white space.
const space = " \t\r\n"

func trim(text string) string { return strings.Trim(text, space) }

func (d *decoder) errorf(at int, element, format string, args ...any) {
	d.add(diag.Error, at, element, format, args...)
}

func (d *decoder) warnf(at int, element, format string, args ...any) {
	d.add(diag.Warning, at, element, format, args...)
}

func (d *decoder) add(severity diag.Severity, at int, element, format string, args ...any) {
	d.found.Add(severity, func() diag.Finding {
		f := d.finding(spot{at, element})
		f.Text = fmt.Sprintf(format, args...)
		return f
	})
}

// finding returns a finding with a place and no text.
func (d *decoder) finding(s spot) (f diag.Finding) {
	f.Line, f.Column = d.doc.Position(s.at)
	if s.element != "" {
		f.Element = "<" + s.element + ">"
	}
	return f
}

package xmltree

import (
	"strconv"
	"strings"
)

// entity is an entity of the DOCTYPE.
type entity struct {
	text     string
	external bool // its text is elsewhere
	unparsed bool // it is no text at all
	reading  bool // its text is being read
}

// predefined are the entities of XML 1.0 §4.6, which no DOCTYPE can change.
var predefined = map[string]string{"lt": "<", "gt": ">", "amp": "&", "apos": "'", "quot": `"`}

// textReference reads a reference in content.
func (p *parser) textReference(r *reader) error {
	at := r.at()
	text, name, err := p.reference(r)
	if err != nil {
		return err
	}
	if name == "" {
		p.addText(text, at)
		return nil
	}
	e, err := p.entity(name, at)
	switch {
	case err != nil || e == nil:
		return err
	case e.external:
		p.drop(name, at)
		return nil
	}
	return p.expand(name, e, at, p.content)
}

// attributeValue reads the value of an attribute, which r holds alone. Line ends and tabs become spaces; where
// the DOCTYPE says that the value is tokens, spaces are trimmed and joined (XML 1.0 §3.3.3).
func (p *parser) attributeValue(r *reader, isTokenized bool) (string, error) {
	var value strings.Builder
	if err := p.appendValue(r, &value); err != nil {
		return "", err
	}
	if isTokenized {
		return strings.Join(strings.FieldsFunc(value.String(), func(c rune) bool { return c == ' ' }), " "), nil
	}
	return value.String(), nil
}

func (p *parser) appendValue(r *reader, value *strings.Builder) error {
	for !r.ended() {
		switch {
		case r.sees("<"):
			return p.errorf(r.at(), `"<" is not allowed in the value of an attribute; want &lt;, or the quote closed before it`)
		case r.sees("&"):
			if err := p.valueReference(r, value); err != nil {
				return err
			}
		case isSpace(r.text[r.i]):
			r.i++
			value.WriteByte(' ')
		default:
			value.WriteString(r.before("<& \t\n\r"))
		}
	}
	return nil
}

// valueReference reads a reference in the value of an attribute.
func (p *parser) valueReference(r *reader, value *strings.Builder) error {
	at := r.at()
	text, name, err := p.reference(r)
	if err != nil {
		return err
	}
	if name == "" {
		value.WriteString(text)
		return nil
	}
	e, err := p.entity(name, at)
	switch {
	case err != nil || e == nil:
		return err
	case e.external:
		return p.errorf(at, "&%s; is read from elsewhere, which can't be in an attribute; want the text itself", name)
	}
	return p.expand(name, e, at, func(r *reader) error { return p.appendValue(r, value) })
}

// reference reads "&...;" and gives the character that it stands for, or the name of the entity.
func (p *parser) reference(r *reader) (text, name string, err error) {
	at := r.at()
	r.accept("&")
	if r.accept("#") {
		text, err = p.characterReference(r, at)
		return text, "", err
	}
	name = r.name()
	if name == "" || !r.accept(";") {
		return "", "", p.unfinished(r, at, `this "&" starts no reference such as &amp;; want &amp; for the character`)
	}
	if text, ok := predefined[name]; ok {
		return text, "", nil
	}
	return "", name, nil
}

// characterReference reads the rest of "&#233;" or "&#xE9;".
func (p *parser) characterReference(r *reader, at int) (string, error) {
	base := 10
	if r.accept("x") {
		base = 16
	}
	digits := r.nameToken()
	n, err := strconv.ParseUint(digits, base, 32)
	if err != nil || !r.accept(";") || !IsCharacter(rune(n)) {
		return "", p.unfinished(r, at, "this is not a reference to a character of XML; want one such as &#233;")
	}
	return string(rune(n)), nil
}

// entity finds what a name stands for, and returns nil if the reference counts nothing: where it may be defined
// outside of the file.
func (p *parser) entity(name string, at int) (*entity, error) {
	e := p.dtd.entities[name]
	switch {
	case e == nil && (p.standalone || !p.dtd.elsewhere):
		return nil, p.errorf(at, "the entity &%s; is not defined; want the character itself, or &amp; for a plain &", name)
	case e == nil:
		p.drop(name, at)
	case e.reading:
		return nil, p.errorf(at, "the entity &%s; contains itself", name)
	case e.unparsed:
		return nil, p.errorf(at, "the entity &%s; is no text", name)
	}
	return e, nil
}

func (p *parser) drop(name string, at int) {
	p.doc.Dropped = append(p.doc.Dropped, Reference{Name: name, At: at, Element: p.where()})
}

// expand reads the text of an entity instead of a reference to it.
func (p *parser) expand(name string, e *entity, at int, read func(*reader) error) error {
	if p.depth == MaxDepth {
		return p.errorf(at, "entities are nested more than %d deep at &%s;", MaxDepth, name)
	}
	if err := p.spend(len(e.text), at); err != nil {
		return err
	}
	p.depth++
	e.reading = true
	err := read(&reader{text: e.text, from: at})
	e.reading = false
	p.depth--
	return err
}

// spend counts bytes that an entity inserts, which are not in the text at that place.
func (p *parser) spend(n, at int) error {
	p.expanded += n
	if p.expanded > MaxExpansion {
		return p.errorf(at, "the entities and default attributes of this file add up to more than %d bytes of text", MaxExpansion)
	}
	return nil
}

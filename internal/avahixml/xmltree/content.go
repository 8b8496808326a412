package xmltree

import (
	"fmt"
	"strings"
)

// parser reads one document. Its methods give a *SyntaxError, as an error, where the document is not well-formed.
type parser struct {
	doc        *Document
	cut        string     // why the text ends before the file does; "": it doesn't
	standalone bool       // the declaration says that nothing outside of the file matters
	open       []*Element // the elements that are not closed yet, the root first
	dtd        dtd
	expanded   int // bytes that entities and default attributes have added
	depth      int // of the entities that are being read
}

// errorf makes a mistake of the element that is open.
func (p *parser) errorf(at int, format string, args ...any) error {
	return &SyntaxError{At: at, Element: p.where(), Text: fmt.Sprintf(format, args...)}
}

// where returns the name of the element that is open, "" outside of the root.
func (p *parser) where() string {
	if len(p.open) == 0 {
		return ""
	}
	return p.open[len(p.open)-1].Name
}

// unfinished is errorf for what may be there only because r ends early: at a character that no file can hold.
func (p *parser) unfinished(r *reader, at int, format string, args ...any) error {
	if p.cut != "" && r.ended() && r.from == inDocument && len(r.text) == len(p.doc.text) {
		return p.errorf(r.i, "%s", p.cut)
	}
	return p.errorf(at, format, args...)
}

func (p *parser) document(data []byte) error {
	r, err := p.start(data)
	if err != nil {
		return err
	}
	if err := p.prolog(r); err != nil {
		return err
	}
	if err := p.content(r); err != nil {
		return err
	}
	return p.epilog(r)
}

// prolog reads what stands before the root element, and the root's start tag.
func (p *parser) prolog(r *reader) error {
	for hasDoctype := false; ; {
		r.space()
		var err error
		switch {
		case r.ended():
			return p.unfinished(r, r.i, "the file has no element; want one <service-group>")
		case r.sees("<!DOCTYPE") && !hasDoctype:
			hasDoctype = true
			err = p.doctype(r)
		case r.sees("<!--"), r.sees("<?"):
			err = p.skip(r)
		case r.sees("<"):
			return p.startTag(r)
		default:
			return p.errorf(r.i, "there is text before the first element; want XML, with <service-group> around everything and <!-- --> around a comment")
		}
		if err != nil {
			return err
		}
	}
}

// epilog reads what stands behind the root element.
func (p *parser) epilog(r *reader) error {
	for {
		r.space()
		switch {
		case r.sees("<!--"), r.sees("<?"):
			if err := p.skip(r); err != nil {
				return err
			}
		case !r.ended():
			return p.errorf(r.i, "there is content after the end of <%s>; want one root element a file, followed only by comments", p.doc.Root.Name)
		case p.cut != "":
			return p.errorf(r.i, "%s", p.cut)
		default:
			return nil
		}
	}
}

// content reads what stands in elements: of the document, to the end of the root; of an entity, to its end.
func (p *parser) content(r *reader) error {
	floor := 0 // how many of the open elements are not r's to close
	if r.from != inDocument {
		floor = len(p.open)
	}
	for !r.ended() && len(p.open) > 0 {
		if err := p.item(r, floor); err != nil {
			return err
		}
	}
	if len(p.open) == floor {
		return nil
	}
	e := p.open[len(p.open)-1]
	if r.from != inDocument {
		return p.errorf(r.at(), "the entity ends before <%s>, which starts in it, is closed; want </%[1]s> in the entity too", e.Name)
	}
	line, _ := p.doc.Position(e.At)
	return p.unfinished(r, r.at(), "the file ends before <%s> of line %d is closed; want </%[1]s>", e.Name, line)
}

// item reads one piece of text or of markup.
func (p *parser) item(r *reader, floor int) error {
	switch {
	case r.sees("</"):
		return p.endTag(r, floor)
	case r.sees("<!--"), r.sees("<?"):
		return p.skip(r)
	case r.sees("<![CDATA["):
		return p.cdata(r)
	case r.sees("<"):
		return p.startTag(r)
	case r.sees("&"):
		return p.textReference(r)
	}
	return p.characters(r)
}

// startTag reads a start tag and opens its element, or closes it at once if it is an empty one.
func (p *parser) startTag(r *reader) error {
	e := &Element{At: r.at()}
	r.accept("<")
	switch {
	case r.sees("!"):
		return p.errorf(e.At, `this "<!" starts nothing that is allowed here; want <!-- --> around a comment`)
	case !r.seesNameStart():
		return p.unfinished(r, e.At, `this "<" starts no tag; want &lt; for the character`)
	}
	e.Name = r.name()
	if len(p.open) == MaxDepth {
		return p.errorf(e.At, "elements are nested more than %d deep", MaxDepth)
	}
	if p.doc.Root == nil {
		p.doc.Root = e
	} else {
		parent := p.open[len(p.open)-1]
		parent.Children = append(parent.Children, e)
	}
	p.open = append(p.open, e)
	isEmpty, err := p.tagRest(r, e)
	if err != nil {
		return err
	}
	if err := p.addDefaults(e); err != nil {
		return err
	}
	if isEmpty {
		p.close()
	}
	return nil
}

func (p *parser) close() {
	last := len(p.open) - 1
	p.open[last].Closed = true
	p.open = p.open[:last]
}

// tagRest reads the attributes and the end of a start tag.
func (p *parser) tagRest(r *reader, e *Element) (isEmpty bool, err error) {
	var seen map[string]bool
	for {
		spaced := r.space()
		switch at := r.at(); {
		case r.accept(">"):
			return false, nil
		case r.accept("/>"):
			return true, nil
		case r.ended():
			return false, p.unfinished(r, e.At, "the tag is not closed; want >")
		case !r.seesNameStart():
			return false, p.errorf(at, `%q is not allowed in a tag; want > or an attribute="value"%s`, next(r), straight(r))
		case !spaced:
			return false, p.errorf(at, "want a space before this attribute")
		}
		a, err := p.attribute(r, e.Name)
		if err != nil {
			return false, err
		}
		if seen[a.Name] {
			return false, p.errorf(a.At, "the attribute %s is set twice; want it once", a.Name)
		}
		if seen == nil {
			seen = map[string]bool{}
		}
		seen[a.Name] = true
		e.Attributes = append(e.Attributes, a)
	}
}

// next returns the character at which r stands.
func next(r *reader) string {
	for i := range r.rest() {
		if i > 0 {
			return r.rest()[:i]
		}
	}
	return r.rest()
}

func (p *parser) attribute(r *reader, element string) (Attribute, error) {
	a := Attribute{At: r.at()}
	a.Name = r.name()
	r.space()
	if !r.accept("=") {
		return a, p.unfinished(r, a.At, `the attribute %s has no value; want %[1]s="value"`, a.Name)
	}
	r.space()
	quote := `"`
	if r.sees("'") {
		quote = "'"
	}
	if !r.accept(quote) {
		return a, p.unfinished(r, r.at(), `the value of the attribute %s is not in quotes; want %[1]s="value"%s`, a.Name, straight(r))
	}
	a.ValueAt = r.at()
	start := r.i
	raw, ok := r.upTo(quote)
	if !ok {
		return a, p.unfinished(r, a.ValueAt, "the value of the attribute %s is not closed; want %s after it", a.Name, quote)
	}
	in := &reader{text: r.text[:start+len(raw)], i: start, from: r.from}
	var err error
	a.Value, err = p.attributeValue(in, p.dtd.isTokenized(element, a.Name))
	return a, err
}

func (p *parser) endTag(r *reader, floor int) error {
	at := r.at()
	r.accept("</")
	name := r.name()
	r.space()
	if !r.accept(">") {
		return p.unfinished(r, at, "the end tag is malformed; want </%s>", p.where())
	}
	e := p.open[len(p.open)-1]
	switch {
	case len(p.open) == floor:
		return p.errorf(at, "the entity closes <%s>, which doesn't start in it; want both tags in one place", name)
	case name != e.Name:
		line, _ := p.doc.Position(e.At)
		return p.errorf(at, "</%s> can't close <%s> of line %d; want </%[2]s> before it", name, e.Name, line)
	}
	p.close()
	return nil
}

// skip reads a comment or a processing instruction.
func (p *parser) skip(r *reader) error {
	at := r.at()
	if r.accept("<!--") {
		body, ok := r.upTo("--")
		switch {
		case !ok || r.ended():
			return p.unfinished(r, at, "the comment is not closed; want -->")
		case !r.accept(">"):
			if r.from == inDocument {
				at += len("<!--") + len(body)
			}
			return p.errorf(at, `"--" is not allowed in a comment; want --> at its end, and single dashes in it`)
		}
		return nil
	}
	r.accept("<?")
	target := r.name()
	switch {
	case target == "xml":
		return p.errorf(at, "the XML declaration can only be the very first thing in a file; want nothing before it, or no declaration")
	case strings.EqualFold(target, "xml") || target == "":
		return p.errorf(at, "<?%s is not a processing instruction; want <!-- --> around a comment", target)
	case !r.space() && !r.sees("?>"):
		return p.unfinished(r, at, "the processing instruction is malformed; want ?> at its end")
	}
	if _, ok := r.upTo("?>"); !ok {
		return p.unfinished(r, at, "the processing instruction is not closed; want ?>")
	}
	return nil
}

// cdata reads <![CDATA[ text ]]>.
func (p *parser) cdata(r *reader) error {
	at := r.at()
	r.accept("<![CDATA[")
	start := r.i
	body, ok := r.upTo("]]>")
	if !ok {
		return p.unfinished(r, at, "the CDATA section is not closed; want ]]>")
	}
	in := &reader{text: r.text[:start+len(body)], i: start, from: r.from}
	for !in.ended() {
		p.piece(in, "\n]") // expat cuts before each "]" of a CDATA section, in case that the section ends there
	}
	return nil
}

// characters reads text up to the next markup, reference or line end.
func (p *parser) characters(r *reader) error {
	start := *r
	text := p.piece(r, "\n<&")
	if i := strings.Index(text, "]]>"); i >= 0 {
		start.i += i
		return p.errorf(start.at(), `"]]>" is not allowed in text; want ]]&gt;`)
	}
	return nil
}

// piece takes one piece of text: a line end, or at least one character and what stands before one of those in end.
func (p *parser) piece(r *reader, end string) string {
	at := r.at()
	if r.accept("\n") {
		p.addText("\n", at)
		return "\n"
	}
	text := r.before(end)
	p.addText(text, at)
	return text
}

func (p *parser) addText(text string, at int) {
	e := p.open[len(p.open)-1]
	e.Text = append(e.Text, Piece{text, at})
}

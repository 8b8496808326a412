package xmltree

import "strings"

// dtd is what the DOCTYPE says that matters without validation.
type dtd struct {
	entities  map[string]*entity
	types     map[[2]string]attributeType // by the names of element and attribute
	defaults  map[string][]attributeType  // by the name of the element
	elsewhere bool                        // there may be more outside of the file, which is never read
	frozen    bool                        // after such a part within the DOCTYPE, what follows doesn't count (XML 1.0 §5.1)
}

// attributeType is what the DOCTYPE says of an attribute. What it says first counts.
type attributeType struct {
	name        string
	isTokenized bool // any type but CDATA
	hasDefault  bool
	value       string
}

func (d *dtd) isTokenized(element, attribute string) bool {
	return d.types[[2]string{element, attribute}].isTokenized
}

// addDefaults adds the attributes that the DOCTYPE gives to an element and that are not written.
func (p *parser) addDefaults(e *Element) error {
	defaults := p.dtd.defaults[e.Name]
	if len(defaults) == 0 {
		return nil
	}
	written := map[string]bool{}
	for _, a := range e.Attributes {
		written[a.Name] = true
	}
	for _, t := range defaults {
		if err := p.spend(len(t.name)+len(t.value), e.At); err != nil {
			return err
		}
		if !written[t.name] {
			e.Attributes = append(e.Attributes, Attribute{Name: t.name, At: e.At, Value: t.value, ValueAt: e.At})
		}
	}
	return nil
}

// doctype reads the DOCTYPE. What it names outside of the file is never opened.
func (p *parser) doctype(r *reader) error {
	p.dtd = dtd{entities: map[string]*entity{}, types: map[[2]string]attributeType{}, defaults: map[string][]attributeType{}}
	d := p.declare(r, `<!DOCTYPE service-group SYSTEM "avahi-service.dtd">`)
	d.want(word)
	t := d.token()
	if d.external(t) {
		p.dtd.elsewhere = true
		t = d.token()
	}
	if t.kind == '[' && d.err == nil {
		if err := p.internalSubset(r); err != nil {
			return err
		}
		t = d.token()
	}
	return d.end(t)
}

// internalSubset reads what stands between the brackets of a DOCTYPE.
func (p *parser) internalSubset(r *reader) error {
	for {
		r.space()
		var err error
		switch {
		case r.accept("]"):
			return nil
		case r.sees("<!--"), r.sees("<?"):
			err = p.skip(r)
		case r.sees("%"):
			err = p.parameterReference(r)
		case r.sees("<!ENTITY"):
			err = p.entityDeclaration(p.declare(r, `<!ENTITY name "text">`))
		case r.sees("<!ATTLIST"):
			err = p.attributeDeclaration(p.declare(r, `<!ATTLIST element attribute CDATA "value">`))
		case r.sees("<!ELEMENT"):
			err = p.elementDeclaration(p.declare(r, `<!ELEMENT name (#PCDATA)>`))
		case r.sees("<!NOTATION"):
			err = p.notationDeclaration(p.declare(r, `<!NOTATION name SYSTEM "id">`))
		case r.ended():
			return p.unfinished(r, r.i, "the file ends in the DOCTYPE; want ]> at its end")
		default:
			return p.errorf(r.i, "%q starts no declaration; want one such as <!ENTITY name \"text\">, or ]>", next(r))
		}
		if err != nil {
			return err
		}
	}
}

// parameterReference reads "%name;", which is left out.
func (p *parser) parameterReference(r *reader) error {
	at := r.i
	r.accept("%")
	if r.name() == "" || !r.accept(";") {
		return p.unfinished(r, at, `this "%%" starts no reference such as %%name;`)
	}
	p.dtd.elsewhere = true
	p.dtd.frozen = !p.standalone
	return nil
}

func (p *parser) entityDeclaration(d *declarator) error {
	t := d.token()
	isParameter := t.kind == '%'
	if isParameter {
		t = d.token()
	}
	d.check(t, word)
	name := t.text
	e := &entity{}
	t = d.token()
	switch {
	case t.kind == literal:
		text, err := p.entityValue(d.inside(t))
		if err != nil && d.err == nil && !p.dtd.frozen {
			return err
		}
		e.text = text
		t = d.token()
	case d.external(t):
		e.external = true
		t = d.token()
		if t.is("NDATA") && !isParameter {
			e.unparsed = true
			d.want(word)
			t = d.token()
		}
	default:
		d.fail(t.start)
	}
	if _, known := p.dtd.entities[name]; !known && !isParameter && !p.dtd.frozen {
		p.dtd.entities[name] = e
	}
	return d.end(t)
}

// entityValue reads the text of an entity: references to characters are replaced now, those to entities when the
// text is used (XML 1.0 §4.5).
func (p *parser) entityValue(r *reader) (string, error) {
	var value strings.Builder
	for !r.ended() {
		start := r.i
		switch {
		case r.sees("%"):
			return "", p.errorf(start, `"%%" is not allowed in the text of an entity; want &#37;`)
		case r.sees("&"):
			text, _, err := p.reference(r)
			if err != nil {
				return "", err
			}
			if !strings.HasPrefix(r.text[start:], "&#") {
				text = r.text[start:r.i]
			}
			value.WriteString(text)
		default:
			value.WriteString(r.before("%&"))
		}
	}
	return value.String(), nil
}

func (p *parser) attributeDeclaration(d *declarator) error {
	element := d.want(word).text
	for {
		t := d.token()
		if t.kind != word || d.err != nil {
			return d.end(t)
		}
		a := attributeType{name: t.text}
		a.isTokenized = d.attributeType()
		t = d.token()
		if t.is("#FIXED") {
			t = d.want(literal)
		}
		switch {
		case t.is("#IMPLIED"), t.is("#REQUIRED"):
		case t.kind == literal && d.err == nil && !p.dtd.frozen:
			value, err := p.attributeValue(d.inside(t), a.isTokenized)
			if err != nil {
				return err
			}
			a.hasDefault, a.value = true, value
		default:
			d.check(t, literal)
		}
		p.dtd.declareAttribute(element, a)
	}
}

func (d *dtd) declareAttribute(element string, a attributeType) {
	key := [2]string{element, a.name}
	if _, known := d.types[key]; known || d.frozen {
		return
	}
	d.types[key] = a
	if a.hasDefault {
		d.defaults[element] = append(d.defaults[element], a)
	}
}

// attributeType reads the type of an attribute and reports whether its values are tokens.
func (d *declarator) attributeType() (isTokenized bool) {
	t := d.token()
	switch t.text {
	case "CDATA":
		return false
	case "ID", "IDREF", "IDREFS", "ENTITY", "ENTITIES", "NMTOKEN", "NMTOKENS":
		d.check(t, word)
		return true
	case "NOTATION":
		d.want('(')
		d.alternatives(word, word)
		return true
	}
	d.check(t, '(')
	d.alternatives(word, nmtoken)
	return true
}

// alternatives reads what follows "(": one or more, with "|" between them, up to ")".
func (d *declarator) alternatives(kinds ...byte) {
	for d.err == nil {
		d.want(kinds...)
		if d.want('|', ')').kind == ')' {
			return
		}
	}
}

func (p *parser) elementDeclaration(d *declarator) error {
	d.want(word)
	t := d.token()
	if t.is("EMPTY") || t.is("ANY") {
		return d.end(d.token())
	}
	d.check(t, '(')
	t = d.token()
	if t.is("#PCDATA") {
		return d.mixed()
	}
	return d.model(t)
}

// mixed reads the rest of "(#PCDATA)" or "(#PCDATA|a|b)*".
func (d *declarator) mixed() error {
	t := d.token()
	for names := 0; ; names++ {
		if t.kind == ')' && (t.suffix == '*' || names == 0 && t.suffix == 0) {
			return d.end(d.token())
		}
		d.check(t, '|')
		if d.err != nil {
			return d.err
		}
		d.want(word)
		t = d.token()
	}
}

// model reads the rest of a content model such as "(a, (b | c)*, d?)", from its first token.
func (d *declarator) model(t piece) error {
	separators := []byte{0} // of the groups that are open, 0: none yet
	for {
		for t.kind == '(' {
			separators = append(separators, 0)
			t = d.token()
		}
		d.checkKind(t, word)
		for t = d.token(); t.kind == ')'; t = d.token() {
			separators = separators[:len(separators)-1]
			if len(separators) == 0 {
				return d.end(d.token())
			}
		}
		separator := &separators[len(separators)-1]
		if *separator == 0 {
			*separator = t.kind
		}
		d.check(t, *separator)
		if t.kind != ',' {
			d.check(t, '|')
		}
		if d.err != nil {
			return d.err
		}
		t = d.token()
	}
}

func (p *parser) notationDeclaration(d *declarator) error {
	d.want(word)
	t := d.token()
	if t.is("PUBLIC") {
		d.publicID()
		if t = d.token(); t.kind == literal {
			t = d.token()
		}
		return d.end(t)
	}
	if !d.external(t) {
		d.fail(t.start)
	}
	return d.end(d.token())
}

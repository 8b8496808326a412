package xmltree

import "strings"

// The kinds of pieces of a declaration that are not a single character.
const (
	word    = 'a' // a name
	nmtoken = '1' // what could be a name except for its first character
	literal = '"'
	keyword = '#' // a name behind #
)

// piece is a part of a declaration.
type piece struct {
	kind   byte // one of the above, or the character itself
	suffix byte // *, ? or + behind a word or parenthesis; 0: none
	text   string
	start  int // in the document
}

func (t piece) is(text string) bool {
	return (t.kind == word || t.kind == keyword) && t.suffix == 0 && t.text == text
}

// declarator reads one declaration piece by piece. After a mistake it yields nothing but its end.
type declarator struct {
	*parser
	r       *reader
	start   int
	example string
	err     error
}

// declare steps over the start of a declaration such as the example.
func (p *parser) declare(r *reader, example string) *declarator {
	d := &declarator{parser: p, r: r, start: r.i, example: example}
	keyword, _, _ := strings.Cut(example, " ")
	r.accept(keyword)
	if !r.ended() && !isSpace(r.text[r.i]) {
		d.fail(r.i)
	}
	return d
}

func (d *declarator) fail(at int) {
	if d.err == nil {
		d.err = d.errorf(at, "this declaration is malformed here; want one such as %s", d.example)
	}
}

// end reports whether the declaration was well-formed and t closes it.
func (d *declarator) end(t piece) error {
	d.check(t, '>')
	return d.err
}

// want reads a piece of one of the given kinds.
func (d *declarator) want(kinds ...byte) piece {
	t := d.token()
	d.check(t, kinds...)
	return t
}

// check complains of a piece that is of none of the kinds, or that has a suffix.
func (d *declarator) check(t piece, kinds ...byte) {
	if t.suffix != 0 {
		d.fail(t.start)
	}
	d.checkKind(t, kinds...)
}

// checkKind is check where a suffix is allowed.
func (d *declarator) checkKind(t piece, kinds ...byte) {
	if strings.IndexByte(string(kinds), t.kind) < 0 {
		d.fail(t.start)
	}
}

// inside returns a reader of the text between the quotes of a literal.
func (d *declarator) inside(t piece) *reader {
	start := t.start + 1
	return &reader{text: d.r.text[:start+len(t.text)], i: start, from: inDocument}
}

// external reads "SYSTEM "file"" or "PUBLIC "id" "file"" if t starts one.
func (d *declarator) external(t piece) bool {
	switch {
	case t.is("PUBLIC"):
		d.publicID()
	case !t.is("SYSTEM"):
		return false
	}
	d.want(literal)
	return true
}

// publicID reads a public identifier (XML 1.0 §2.3).
func (d *declarator) publicID() {
	t := d.want(literal)
	for _, c := range t.text {
		if !isAlphanumeric(c) && !strings.ContainsRune(" \n-'()+,./:=?;!*#@$_%", c) {
			d.fail(t.start)
		}
	}
}

// token reads a piece. Most must be set off from what follows.
func (d *declarator) token() piece {
	r := d.r
	r.space()
	t := piece{start: r.i}
	switch {
	case d.err != nil:
		return t
	case r.ended():
		d.err = d.unfinished(r, d.start, "this declaration is not closed; want one such as %s", d.example)
		return t
	}
	delimiters := d.read(&t)
	isDelimited := delimiters == "" || t.suffix != 0 || r.ended() || strings.IndexByte(delimiters, r.text[r.i]) >= 0
	if t.kind == nmtoken && t.text == "" || !isDelimited {
		d.fail(r.i)
	}
	return t
}

// read fills in a piece and returns the characters that may follow it, "" for all.
func (d *declarator) read(t *piece) (delimiters string) {
	r := d.r
	const usual = " \t\n>%"
	switch c := r.text[r.i]; c {
	case '"', '\'':
		r.i++
		t.kind = literal
		text, ok := r.upTo(string(c))
		if !ok {
			d.err = d.unfinished(r, t.start, "the quote is not closed; want %c", c)
		}
		t.text = text
		return usual + "["
	case '>', '(', ',', '|', '[':
		r.i++
		t.kind = c
		return ""
	case ')':
		r.i++
		t.kind, t.suffix = c, d.suffix()
		return " \t\n>,|)"
	case '%':
		r.i++
		t.kind = c
		return " \t\n"
	case '#':
		r.i++
		t.kind, t.text = keyword, "#"+r.name()
		return usual + ")|"
	}
	if t.text = r.name(); t.text != "" {
		t.kind, t.suffix = word, d.suffix()
	} else {
		t.kind, t.text = nmtoken, r.nameToken()
	}
	return usual + "),|["
}

// suffix reads a *, ? or +, and gives 0 if none is next.
func (d *declarator) suffix() byte {
	for _, c := range []byte("*?+") {
		if d.r.accept(string(c)) {
			return c
		}
	}
	return 0
}

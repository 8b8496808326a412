package xmltree

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// reader walks through the document, or through the text of an entity.
type reader struct {
	text string
	i    int
	from int // where the document refers to the entity; inDocument for the document itself
}

const inDocument = -1

// at returns the place in the document.
func (r *reader) at() int {
	if r.from == inDocument {
		return r.i
	}
	return r.from
}

func (r *reader) ended() bool { return r.i >= len(r.text) }

func (r *reader) rest() string { return r.text[r.i:] }

// sees reports whether prefix is next.
func (r *reader) sees(prefix string) bool { return strings.HasPrefix(r.rest(), prefix) }

// accept steps over prefix if it is next.
func (r *reader) accept(prefix string) bool {
	if !r.sees(prefix) {
		return false
	}
	r.i += len(prefix)
	return true
}

// upTo returns the text up to end and steps over both; without an end, over everything.
func (r *reader) upTo(end string) (text string, ok bool) {
	text, rest, ok := strings.Cut(r.rest(), end)
	r.i = len(r.text) - len(rest)
	return text, ok
}

// before steps over one character at least, and on to the first of those in end.
func (r *reader) before(end string) string {
	text := r.rest()
	if i := strings.IndexAny(text[1:], end); i >= 0 {
		text = text[:1+i]
	}
	r.i += len(text)
	return text
}

// space steps over white space and reports whether there was any.
func (r *reader) space() bool {
	start := r.i
	for !r.ended() && isSpace(r.text[r.i]) {
		r.i++
	}
	return r.i > start
}

// name steps over a name and returns it, "" if none is next.
func (r *reader) name() string {
	if !r.seesNameStart() {
		return ""
	}
	return r.nameToken()
}

// seesNameStart reports whether a name is next.
func (r *reader) seesNameStart() bool {
	c, _ := utf8.DecodeRuneInString(r.rest())
	return isNameStart(c)
}

// nameToken steps over the characters of a name, the first of which may be any of them.
func (r *reader) nameToken() string {
	rest := r.rest()
	end := strings.IndexFunc(rest, func(c rune) bool { return !isNameStart(c) && !isNameInside(c) })
	if end < 0 {
		end = len(rest)
	}
	r.i += end
	return rest[:end]
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func isLetter(c rune) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }

func isAlphanumeric(c rune) bool { return isLetter(c) || '0' <= c && c <= '9' }

// isNameStart and isNameInside are the productions of XML 1.0 §2.3, with the letters of today's Unicode.
func isNameStart(c rune) bool {
	switch {
	case c < utf8.RuneSelf:
		return isLetter(c) || c == '_' || c == ':'
	case c > 0xFFFF || c == utf8.RuneError:
		return false
	}
	return unicode.IsLetter(c)
}

func isNameInside(c rune) bool {
	switch {
	case c < utf8.RuneSelf:
		return '0' <= c && c <= '9' || c == '-' || c == '.'
	case c > 0xFFFF || c == utf8.RuneError:
		return false
	}
	return c == '·' || unicode.In(c, unicode.M, unicode.Nd)
}

package xmltree

import (
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// A family is what the first bytes say of a file's encoding.
type family string

const (
	narrow       family = "a byte a character" // UTF-8, ISO-8859-1, US-ASCII
	littleEndian family = "UTF-16LE"
	bigEndian    family = "UTF-16BE"
)

// detect returns the family and steps over a byte-order mark. UTF-16 is known without one by the zero byte beside
// the first character.
func detect(data []byte) (family, []byte) {
	if len(data) < 2 {
		return narrow, data
	}
	switch {
	case data[0] == 0xFF && data[1] == 0xFE:
		return littleEndian, data[2:]
	case data[0] == 0xFE && data[1] == 0xFF:
		return bigEndian, data[2:]
	case data[0] == 0xEF && data[1] == 0xBB && len(data) > 2 && data[2] == 0xBF:
		return narrow, data[3:]
	case data[0] == 0:
		return bigEndian, data
	case data[1] == 0:
		return littleEndian, data
	}
	return narrow, data
}

// start turns the file into UTF-8, up to the first character that no file can hold, and returns a reader that stands
// behind the XML declaration.
func (p *parser) start(data []byte) (*reader, error) {
	family, data := detect(data)
	text := string(data)
	if family != narrow {
		text, p.cut = fromUTF16(data, family)
	}
	p.doc.text = lineEnds.Replace(text)
	r := &reader{text: p.doc.text, from: inDocument}
	declared, err := p.declaration(r)
	if err != nil {
		return nil, err
	}
	if err := p.convert(declared, family); err != nil {
		return nil, err
	}
	if at, why := findIllegal(p.doc.text, declared.encoding); why != "" {
		p.doc.text, p.cut = p.doc.text[:at], why
	}
	r.text = p.doc.text
	return r, nil
}

// lineEnds makes every line end one LF (XML 1.0 §2.11).
var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// convert applies the encoding that the declaration names, which must agree with the first bytes.
func (p *parser) convert(d declaration, family family) error {
	encoding := strings.ToUpper(d.encoding)
	switch encoding {
	case "":
		return nil
	case "UTF-8", "US-ASCII", "ISO-8859-1":
		if family == narrow {
			if encoding == "ISO-8859-1" {
				p.doc.text = fromLatin1(p.doc.text)
			}
			return nil
		}
	case "UTF-16":
		if family != narrow {
			return nil
		}
	case string(littleEndian), string(bigEndian):
		if encoding == string(family) {
			return nil
		}
	default:
		return p.errorf(d.encodingAt, "the encoding %q is not supported; want the file in UTF-8, and encoding=\"UTF-8\" or nothing", d.encoding)
	}
	return p.errorf(d.encodingAt, "the declared encoding is %s, but the first bytes of the file are in another one; want the actual encoding", d.encoding)
}

// fromUTF16 converts what comes before the first mistake, and returns the mistake.
func fromUTF16(data []byte, family family) (before, mistake string) {
	var order binary.ByteOrder = binary.LittleEndian
	if family == bigEndian {
		order = binary.BigEndian
	}
	var text strings.Builder
	for len(data) > 0 {
		if len(data) == 1 {
			return text.String(), "the file ends in the middle of a character; want pairs of bytes in UTF-16"
		}
		c := rune(order.Uint16(data))
		data = data[2:]
		if utf16.IsSurrogate(c) {
			second := rune(0)
			if len(data) >= 2 {
				second = rune(order.Uint16(data))
			}
			if c = utf16.DecodeRune(c, second); c == utf8.RuneError {
				return text.String(), "half a surrogate pair is not a character; want UTF-16 without it"
			}
			data = data[2:]
		}
		text.WriteRune(c)
	}
	return text.String(), ""
}

func fromLatin1(raw string) string {
	var text strings.Builder
	for i := range len(raw) {
		text.WriteRune(rune(raw[i]))
	}
	return text.String()
}

// findIllegal finds the first character that is not allowed anywhere in an XML file, and reports why.
func findIllegal(text, encoding string) (at int, why string) {
	isASCII := strings.EqualFold(encoding, "US-ASCII")
	for i, c := range text {
		switch {
		case isASCII && c >= utf8.RuneSelf:
			return i, `the declared encoding is US-ASCII, but this character is not ASCII; want encoding="UTF-8"`
		case c == utf8.RuneError && !strings.HasPrefix(text[i:], "\uFFFD"):
			return i, fmt.Sprintf(`the byte 0x%02X is not UTF-8; want the file in UTF-8, or the encoding that it is in, such as encoding="ISO-8859-1"`, text[i])
		case !IsCharacter(c):
			return i, fmt.Sprintf("the character %U is not allowed in XML; want it left out", c)
		}
	}
	return 0, ""
}

// IsCharacter reports whether XML can hold a character (XML 1.0 §2.2).
func IsCharacter(c rune) bool {
	return c >= ' ' && utf8.ValidRune(c) && c != 0xFFFE && c != 0xFFFF || c == '\t' || c == '\n' || c == '\r'
}

// declaration is what the XML declaration says.
type declaration struct {
	encoding   string // "" if it names none
	encodingAt int
}

// declaration reads <?xml version="..." encoding="..." standalone="..."?> if r stands at one. As in expat, the
// version may be anything.
func (p *parser) declaration(r *reader) (declaration, error) {
	var d declaration
	if !r.sees("<?xml") {
		return d, nil
	}
	start := *r
	r.accept("<?")
	if r.name() != "xml" {
		*r = start
		return d, nil
	}
	const want = `want <?xml version="1.0" encoding="UTF-8"?>`
	from := r.i
	body, ok := r.upTo("?>")
	if !ok {
		return d, p.errorf(0, "the XML declaration is not closed; %s", want)
	}
	in := &reader{text: r.text[:from+len(body)], i: from, from: inDocument}
	for n := 0; ; n++ {
		spaced := in.space()
		if in.ended() && n > 0 {
			return d, nil
		}
		at := in.i
		name, value, ok := pseudoAttribute(in)
		switch {
		case !spaced || !ok:
			return d, p.errorf(in.i, "the XML declaration is malformed here; %s%s", want, straight(in))
		case n == 0 && name == "version":
		case n == 1 && name == "encoding" && value != "" && isLetter(rune(value[0])):
			d.encoding, d.encodingAt = value, in.i-len(value)-1
		case (n == 1 || n == 2) && name == "standalone" && (value == "yes" || value == "no"):
			p.standalone = value == "yes"
			n = 2
		default:
			return d, p.errorf(at, "%s=%q is not allowed here in the XML declaration; %s", name, value, want)
		}
	}
}

// pseudoAttribute reads name="value", where the value is letters, digits, dots, dashes and underscores.
func pseudoAttribute(r *reader) (name, value string, ok bool) {
	name = r.name()
	r.space()
	if name == "" || !r.accept("=") {
		return "", "", false
	}
	r.space()
	quote := `"`
	if r.sees(`'`) {
		quote = `'`
	}
	if !r.accept(quote) {
		return "", "", false
	}
	value, ok = r.upTo(quote)
	isStrange := func(c rune) bool { return !isAlphanumeric(c) && !strings.ContainsRune("._-", c) }
	return name, value, ok && !strings.ContainsFunc(value, isStrange)
}

// straight adds a hint where r stands at a typographic quote.
func straight(r *reader) string {
	c, _ := utf8.DecodeRuneInString(r.rest())
	if strings.ContainsRune("“”„‟″‘’‚‛′", c) {
		return fmt.Sprintf(", with straight quotes in place of %c", c)
	}
	return ""
}

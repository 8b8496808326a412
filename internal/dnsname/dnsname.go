// Package dnsname holds DNS names as labels: bytes, never escaped text.
//
// A label of a DNS-SD name may hold dots, spaces and any other UTF-8 (RFC 6763 §4.1.1), so gluing names
// together as strings loses information. A [Name] is parsed once, from the text form that Avahi uses, and is
// text again only for users ([Name.String]) and for zone files ([Name.Master]).
package dnsname

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	// MaxLabel is the most bytes a label can hold (RFC 1035 §2.3.4).
	MaxLabel = 63
	// MaxName is the most bytes a name can take in a message, length bytes and root included (RFC 1035 §2.3.4).
	MaxName = 255
)

// Local is the domain of multicast DNS, "local" (RFC 6762 §3).
var Local = MustParse("local")

// Name is a DNS name. Names are comparable with ==, which takes case into account; [Name.Equal] and [Name.Key]
// don't. The zero Name is no name at all, which is not the root.
type Name struct {
	wire string // labels, each behind its length, and the zero byte of the root
}

// New makes a name of labels given as raw bytes, most specific first. Without labels it is the root. It reports
// an error where a label is empty or longer than [MaxLabel] bytes, or the name is longer than [MaxName].
func New(labels ...string) (Name, error) {
	var wire strings.Builder
	for _, label := range labels {
		if err := checkLabel(label); err != nil {
			return Name{}, err
		}
		wire.WriteByte(byte(len(label)))
		wire.WriteString(label)
	}
	wire.WriteByte(0)
	if wire.Len() > MaxName {
		return Name{}, fmt.Errorf("the name takes %d bytes; the most is %d", wire.Len(), MaxName)
	}
	return Name{wire.String()}, nil
}

func checkLabel(label string) error {
	switch {
	case label == "":
		return errors.New("it has an empty label; want text between the dots")
	case len(label) > MaxLabel:
		return fmt.Errorf("the label %q has %d bytes; the most is %d", label, len(label), MaxLabel)
	}
	return nil
}

// Parse reads the text form: labels separated by dots, where "\." and "\\" stand for themselves and "\065" for
// the byte of that number. One dot at the end is dropped; "." is the root. Labels must be UTF-8 without
// noncharacters. These are the rules that Avahi has for types, subtypes, domains and hosts, with the length
// limit of RFC 1035 on top.
func Parse(text string) (Name, error) {
	switch text {
	case "":
		return Name{}, errors.New("it is empty; want labels with dots between them")
	case ".":
		return New()
	}
	labels, err := splitLabels(text)
	if err != nil {
		return Name{}, err
	}
	for _, label := range labels {
		if err := CheckUTF8(label); err != nil {
			return Name{}, err
		}
	}
	return New(labels...)
}

// splitLabels cuts at unescaped dots, undoes the escapes, and drops the empty label behind a final dot.
func splitLabels(text string) ([]string, error) {
	var labels []string
	var label []byte
	for i := 0; i < len(text); {
		switch text[i] {
		case '.':
			labels, label = append(labels, string(label)), nil
			i++
		case '\\':
			b, n, err := unescape(text[i:])
			if err != nil {
				return nil, err
			}
			label = append(label, b)
			i += n
		default:
			label = append(label, text[i])
			i++
		}
	}
	if len(label) > 0 {
		labels = append(labels, string(label))
	}
	return labels, nil
}

// unescape reads one escape at the start of text and says how many bytes it took.
func unescape(text string) (b byte, n int, err error) {
	if len(text) >= 2 && (text[1] == '.' || text[1] == '\\') {
		return text[1], 2, nil
	}
	if len(text) >= 4 && isDigit(text[1]) && isDigit(text[2]) && isDigit(text[3]) {
		v := int(text[1]-'0')*100 + int(text[2]-'0')*10 + int(text[3]-'0')
		if v >= 1 && v <= 255 {
			return byte(v), 4, nil
		}
	}
	return 0, 0, fmt.Errorf("%q is not an escape; want \\. or \\\\ or \\DDD from \\001 to \\255", text[:min(4, len(text))])
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

// CheckUTF8 reports whether Avahi would take text in a name: UTF-8 without the noncharacters of Unicode (U+FDD0 to
// U+FDEF and the last two of each plane) and without NUL.
func CheckUTF8(text string) error {
	for i, r := range text {
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(text[i:]); size == 1 {
				return fmt.Errorf("%q is not UTF-8; want text in UTF-8", text)
			}
		}
		if r >= 0xFDD0 && r <= 0xFDEF || r&0xFFFE == 0xFFFE {
			return fmt.Errorf("%q holds the noncharacter %U; want characters of Unicode", text, r)
		}
		if r == 0 {
			return fmt.Errorf("%q holds a NUL; want text", text)
		}
	}
	return nil
}

// MustParse is [Parse] for names that are known to be good; it panics on others.
func MustParse(text string) Name {
	n, err := Parse(text)
	if err != nil {
		panic(fmt.Sprintf("dnsname: %q: %v", text, err))
	}
	return n
}

// FromWire takes the uncompressed wire form, the root's zero byte included. It reports an error unless that is
// exactly one name.
func FromWire(wire string) (Name, error) {
	i := 0
	for i < len(wire) && wire[i] != 0 {
		if wire[i] > MaxLabel {
			return Name{}, fmt.Errorf("a label claims %d bytes; the most is %d", wire[i], MaxLabel)
		}
		i += 1 + int(wire[i])
	}
	if i+1 != len(wire) || len(wire) > MaxName {
		return Name{}, errors.New("the bytes are not one whole name")
	}
	return Name{wire}, nil
}

// Wire returns the name in the form of a packet, uncompressed; "" for the zero Name.
func (n Name) Wire() string { return n.wire }

// IsZero reports whether n is no name at all.
func (n Name) IsZero() bool { return n.wire == "" }

// Labels returns the labels as raw bytes, most specific first.
func (n Name) Labels() []string {
	var labels []string
	for i := 0; i < len(n.wire) && n.wire[i] != 0; i += 1 + int(n.wire[i]) {
		labels = append(labels, n.wire[i+1:i+1+int(n.wire[i])])
	}
	return labels
}

// Label returns the first label, "" for the root.
func (n Name) Label() string {
	if len(n.wire) <= 1 {
		return ""
	}
	return n.wire[1 : 1+n.wire[0]]
}

// Parent returns the name without its first label; the parent of the root is the root.
func (n Name) Parent() Name {
	if len(n.wire) <= 1 {
		return n
	}
	return Name{n.wire[1+n.wire[0]:]}
}

// Child returns the name with label, raw bytes, in front.
func (n Name) Child(label string) (Name, error) {
	return New(append([]string{label}, n.Labels()...)...)
}

// Join returns the labels of n followed by those of parent.
func (n Name) Join(parent Name) (Name, error) {
	return New(append(n.Labels(), parent.Labels()...)...)
}

// Equal compares without regard to ASCII case (RFC 6762 §16).
func (n Name) Equal(other Name) bool {
	if len(n.wire) != len(other.wire) {
		return false
	}
	for i := range len(n.wire) {
		if lower(n.wire[i]) != lower(other.wire[i]) {
			return false
		}
	}
	return true
}

// HasSuffix reports whether n is parent or a name below it, without regard to ASCII case.
func (n Name) HasSuffix(parent Name) bool {
	for at := n; len(at.wire) >= len(parent.wire) && len(at.wire) > 0; at = at.Parent() {
		if at.Equal(parent) {
			return true
		}
		if len(at.wire) == 1 {
			break
		}
	}
	return false
}

// Key returns a string that is the same for names that are equal except ASCII case: the key for maps.
func (n Name) Key() string { return Fold(n.wire) }

// Fold lowers the ASCII letters of a label or name and leaves every other byte as it is (RFC 6762 §16). Length
// bytes are below 64, so folding wire form changes none.
func Fold(s string) string {
	for i := range len(s) {
		if s[i] != lower(s[i]) {
			b := []byte(s)
			for j := i; j < len(b); j++ {
				b[j] = lower(b[j])
			}
			return string(b)
		}
	}
	return s
}

func lower(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
}

// MarshalText returns what [Name.String] does.
func (n Name) MarshalText() ([]byte, error) { return []byte(n.String()), nil }

// String returns the name for people: UTF-8 as it is, a dot or backslash inside a label behind a backslash, control
// bytes and broken UTF-8 as \DDD, no dot at the end; "." for the root. [Parse] reads it back.
func (n Name) String() string {
	return n.text(func(b *strings.Builder, label string) {
		for len(label) > 0 {
			r, size := utf8.DecodeRuneInString(label)
			switch {
			case r == '.' || r == '\\':
				b.WriteByte('\\')
				b.WriteByte(byte(r))
			case r == utf8.RuneError && size == 1, r < ' ', r == 0x7F:
				fmt.Fprintf(b, `\%03d`, label[0])
			default:
				b.WriteString(label[:size])
			}
			label = label[size:]
		}
	})
}

// Master returns the name as a zone file has it (RFC 1035 §5.1): printable ASCII as it is, the characters that are
// special there behind a backslash, all other bytes as \DDD, a dot at the end.
func (n Name) Master() string {
	if n.wire == "\x00" {
		return "."
	}
	return n.text(func(b *strings.Builder, label string) {
		for i := range len(label) {
			switch c := label[i]; {
			case strings.IndexByte(`.\"();@$ `, c) >= 0:
				b.WriteByte('\\')
				b.WriteByte(c)
			case c <= ' ' || c >= 0x7F:
				fmt.Fprintf(b, `\%03d`, c)
			default:
				b.WriteByte(c)
			}
		}
	}) + "."
}

func (n Name) text(write func(*strings.Builder, string)) string {
	if n.wire == "\x00" {
		return "."
	}
	var b strings.Builder
	for i, label := range n.Labels() {
		if i > 0 {
			b.WriteByte('.')
		}
		write(&b, label)
	}
	return b.String()
}

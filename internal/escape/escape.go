// Package escape writes text from files and from the network so that it can't control a terminal, forge a line of a log,
// or look like other text: control characters, directional and invisible characters, line separators and bytes that are
// not UTF-8 are replaced by printable ASCII.
package escape

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Text returns a text as one line. A control character is written as \DDD, as in a zone file, any other character that is
// not to be seen as \uXXXX or \UXXXXXXXX, and a byte that is not UTF-8 as \DDD.
func Text(text string) string {
	if !strings.ContainsFunc(text, isHidden) {
		return text
	}
	return string(appendEscaped(nil, []byte(text), isHidden, appendText))
}

// Error returns the text of an error. Only the lines of an error that joins several (see [errors.Join]) are lines of it.
func Error(err error) string {
	text := err.Error()
	joined, ok := errors.AsType[interface {
		error
		Unwrap() []error
	}](err)
	if !ok {
		return Text(text)
	}
	before, after, found := strings.Cut(text, joined.Error())
	var lines, escaped []string
	for _, e := range joined.Unwrap() {
		lines, escaped = append(lines, e.Error()), append(escaped, Error(e))
	}
	if !found || strings.Join(lines, "\n") != joined.Error() {
		return Text(text)
	}
	return Text(before) + strings.Join(escaped, "\n") + Text(after)
}

// Fprintf formats as [fmt.Fprintf] does. Each argument is written as [Text] or [Error] writes it, so that line breaks come
// from the format alone.
func Fprintf(w io.Writer, format string, args ...any) (int, error) {
	escaped := make([]any, len(args))
	for i, arg := range args {
		escaped[i] = argument{arg}
	}
	return fmt.Fprintf(w, format, escaped...)
}

// argument is a value that is escaped when it is formatted.
type argument struct{ value any }

// Format writes the value in the form of a verb.
func (a argument) Format(f fmt.State, verb rune) {
	format := fmt.FormatString(f, verb)
	if err, ok := a.value.(error); ok && format == "%v" || ok && format == "%s" {
		io.WriteString(f, Error(err))
		return
	}
	io.WriteString(f, Text(fmt.Sprintf(format, a.value)))
}

// isHidden reports whether a character does something else than to be seen. The replacement character stands for bytes
// that are not UTF-8, too.
func isHidden(r rune) bool {
	if ' ' <= r && r < utf8.RuneSelf-1 {
		return false // the usual case, quickly
	}
	return r == utf8.RuneError || !unicode.IsGraphic(r) || unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r)
}

// isHiddenInText is [isHidden] for text of several lines and columns.
func isHiddenInText(r rune) bool { return r != '\n' && r != '\t' && isHidden(r) }

// appendEscaped appends UTF-8, with the characters that are hidden in the form of escape.
func appendEscaped(to, text []byte, hidden func(rune) bool, escape func(to []byte, r rune) []byte) []byte {
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch {
		case r == utf8.RuneError && size == 1:
			to = escape(to, rune(text[0]))
		case r != utf8.RuneError && hidden(r):
			to = escape(to, r)
		default:
			to = append(to, text[:size]...)
		}
		text = text[size:]
	}
	return to
}

func appendText(to []byte, r rune) []byte {
	switch {
	case r <= unicode.MaxLatin1:
		return fmt.Appendf(to, `\%03d`, r)
	case r > 0xFFFF:
		return fmt.Appendf(to, `\U%08x`, r)
	}
	return fmt.Appendf(to, `\u%04x`, r)
}

// appendJSON appends a character of a JSON string. (Everything else in JSON is ASCII.)
func appendJSON(to []byte, r rune) []byte {
	if first, second := utf16.EncodeRune(r); first != unicode.ReplacementChar {
		return fmt.Appendf(to, `\u%04x\u%04x`, first, second)
	}
	return fmt.Appendf(to, `\u%04x`, r)
}

// XML returns text for an element of XML, with every character that is not to be seen as a character reference.
func XML(text string) string {
	return string(appendEscaped(nil, []byte(text), isHidden, func(to []byte, r rune) []byte {
		return append(strconv.AppendInt(append(to, "&#"...), int64(r), 10), ';')
	}))
}

// TOML returns text for a basic string of TOML.
func TOML(text string) string {
	return string(appendEscaped(nil, []byte(text), isHidden, func(to []byte, r rune) []byte {
		switch {
		case r == '\n':
			return append(to, `\n`...)
		case r == '\t':
			return append(to, `\t`...)
		case r > 0xFFFF:
			return fmt.Appendf(to, `\U%08X`, r)
		}
		return fmt.Appendf(to, `\u%04X`, r)
	}))
}

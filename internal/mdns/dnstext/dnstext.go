// Package dnstext translates between raw bytes and the text in which github.com/miekg/dns, and with it
// grandcat/zeroconf, holds names and TXT strings.
//
// That library compares names as text, so that its input must be exactly what it prints for the same bytes.
package dnstext

import (
	"errors"
	"fmt"
	"strings"

	"announcer/internal/dnsname"
)

// special are the characters that the library prints behind a backslash in names.
const special = `. '@;()"\`

// Name returns a name as the library prints it, with a dot at the end.
func Name(n dnsname.Name) string {
	var b strings.Builder
	for _, label := range n.Labels() {
		b.WriteString(Label(label) + ".")
	}
	if b.Len() == 0 {
		return "."
	}
	return b.String()
}

// Label returns one label, raw bytes, as the library prints it.
func Label(raw string) string { return escape(raw, special) }

// String returns a TXT string, raw bytes, as the library prints it.
func String(raw string) string { return escape(raw, `"\`) }

func escape(raw, special string) string {
	var b strings.Builder
	for i := range len(raw) {
		switch c := raw[i]; {
		case strings.IndexByte(special, c) >= 0:
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, `\%03d`, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// ParseName reads a name that the library printed, with or without the dot at the end. It reports an error if
// that is no name: a label or the whole is too long, or empty.
func ParseName(text string) (dnsname.Name, error) {
	switch text {
	case "":
		return dnsname.Name{}, errors.New("it is empty; want a name")
	case ".":
		return dnsname.New()
	}
	var labels []string
	for rest := text; rest != ""; {
		end := labelEnd(rest)
		labels = append(labels, Unescape(rest[:end]))
		rest = strings.TrimPrefix(rest[end:], ".")
	}
	return dnsname.New(labels...)
}

// labelEnd returns the index of the first dot that is not escaped, or the length.
func labelEnd(text string) int {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '.':
			return i
		}
	}
	return len(text)
}

// Unescape returns the raw bytes of a TXT string, or of a label, that the library printed.
func Unescape(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			b.WriteByte(text[i])
			continue
		}
		if number, ok := decimal(text[i+1:]); ok {
			b.WriteByte(number)
			i += 3
		} else if i+1 < len(text) {
			b.WriteByte(text[i+1])
			i++
		}
	}
	return b.String()
}

// decimal reads three digits; of a number over 255 the library keeps the low byte.
func decimal(text string) (b byte, ok bool) {
	if len(text) < 3 {
		return 0, false
	}
	for i := range 3 {
		if text[i] < '0' || text[i] > '9' {
			return 0, false
		}
		b = b*10 + text[i] - '0'
	}
	return b, true
}

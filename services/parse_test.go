package services

import (
	"fmt"
	"strings"
	"testing"

	"announcer/internal/dnsname"
)

// parseTest is what a parser makes of a text: a name or, if that is "", an error that holds the words of bad.
type parseTest struct{ text, name, bad string }

func runParseTests(t *testing.T, parse func(string) (dnsname.Name, error), tests []parseTest) {
	t.Helper()
	for _, test := range tests {
		t.Run(fmt.Sprintf("%.40q", test.text), func(t *testing.T) {
			name, err := parse(test.text)
			switch {
			case test.bad != "":
				if err == nil || !strings.Contains(err.Error(), test.bad) {
					t.Errorf("%v, error %v; want the error %q", name, err, test.bad)
				}
			case err != nil || name.String() != test.name:
				t.Errorf("%v, error %v; want %q", name, err, test.name)
			}
		})
	}
}

func TestParseType(t *testing.T) {
	label63 := "_" + strings.Repeat("x", 62)
	runParseTests(t, ParseType, []parseTest{
		{text: "_digiumproxy._udp", name: "_digiumproxy._udp"},
		{text: "_http._tcp.", name: "_http._tcp"},
		{text: "_HTTP._TCP", name: "_HTTP._TCP"},
		{text: "_foo bar._tcp", name: "_foo bar._tcp"},
		{text: `_a\.b._tcp`, name: `_a\.b._tcp`},
		{text: `_a\065._tcp`, name: "_aA._tcp"},
		{text: "_hté._tcp", name: "_hté._tcp"},
		{text: label63 + "._tcp", name: label63 + "._tcp"},
		{text: label63 + "x._tcp", bad: "has 64 bytes; the most is 63"},
		{text: "", bad: "it is empty"},
		{text: "_x._tcp", bad: `"_x" is too short`},
		{text: "http._tcp", bad: `"http" does not start with an underscore; want "_http"`},
		{text: "_http._sctp", bad: `ends in "_sctp"; want _tcp or _udp`},
		{text: "_http.tcp", bad: `ends in "tcp"; want _tcp or _udp`},
		{text: "_http", bad: "want two labels"},
		{text: "_http._tcp.local", bad: "want two labels"},
		{text: "_a._sub._http._tcp", bad: "is a subtype; want the type alone, such as _http._tcp"},
		{text: "_http.._tcp", bad: "empty label"},
		{text: `_ht\x._tcp`, bad: "is not an escape"},
		{text: "_\xff\xff._tcp", bad: "is not UTF-8"},
		{text: " _http._tcp ", bad: `" _http" does not start with an underscore`},
	})
}

func TestParseSubtype(t *testing.T) {
	runParseTests(t, ParseSubtype, []parseTest{
		{text: "_xx._sub._tt._tcp", name: "_xx._sub._tt._tcp"},
		{text: "_xx._sub._other._udp", name: "_xx._sub._other._udp"},
		{text: "_xx._SUB._tt._TCP.", name: "_xx._SUB._tt._TCP"},
		{text: "_p y._sub._tt._tcp", name: "_p y._sub._tt._tcp"},
		{text: "_x", bad: "want four labels"},
		{text: "", bad: "it is empty"},
		{text: "_xx._subs._tt._tcp", bad: "want four labels"},
		{text: "xx._sub._tt._tcp", bad: "does not start with an underscore"},
		{text: "_._sub._tt._tcp", bad: "is too short"},
		{text: "_xx._sub.tt._tcp", bad: "does not start with an underscore"},
		{text: "_xx._sub._tt._sctp", bad: "want _tcp or _udp"},
		{text: "_xy._sub._tt._tcp.local", bad: "want four labels"},
	})
}

func TestParseDomain(t *testing.T) {
	runParseTests(t, ParseDomain, []parseTest{
		{text: "local.", name: "local"},
		{text: "LOCAL", name: "LOCAL"},
		{text: " local ", name: " local "},
		{text: ".", name: "."},
		{text: "a..b", bad: "is not a domain: it has an empty label"},
		{text: strings.Repeat("x", 64), bad: "has 64 bytes"},
	})
}

func TestParseHost(t *testing.T) {
	runParseTests(t, ParseHost, []parseTest{
		{text: "foo.local.", name: "foo.local"},
		{text: "other.example.com", name: "other.example.com"},
		{text: "1.2.local", name: "1.2.local"},
		{text: "foo", bad: "has no domain; want the full name, such as pbx.local"},
		{text: "foo.", bad: "such as pbx.local"},
		{text: "10.0.0.1", bad: "is an address"},
		{text: "10.0.0.1.", bad: "is an address"},
		{text: "::1", bad: "is an address"},
		{text: `\049.2.3.4`, bad: "is an address"},
		{text: ".", bad: "is the root"},
		{text: "foo..local", bad: "empty label"},
	})
}

func TestParseName(t *testing.T) {
	for text, good := range map[string]bool{
		"Front desk": true, `a.b\c`: true, "  a b \n": true, "": false, "\xff": false, "a\x00b": false, "\uFDD0": false, "\U0001FFFE": false,
	} {
		t.Run(fmt.Sprintf("%q", text), func(t *testing.T) {
			if name, err := ParseName(text); good != (err == nil) || good && name != text {
				t.Errorf("%q: %q, %v", text, name, err)
			}
		})
	}
}

func TestParseTXT(t *testing.T) {
	for text, good := range map[string]bool{
		"k=v": true, "=": true, "\x00\xff": true, strings.Repeat("x", 255): true, "": false, strings.Repeat("x", 256): false,
	} {
		t.Run(fmt.Sprintf("%.20q of %d bytes", text, len(text)), func(t *testing.T) {
			if txt, err := ParseTXT(text); good != (err == nil) || good && txt != text {
				t.Errorf("%q: %q, %v", text, txt, err)
			}
		})
	}
}

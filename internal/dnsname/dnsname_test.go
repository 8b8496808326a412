package dnsname

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	long := strings.Repeat("x", MaxLabel)
	for text, want := range map[string][]string{
		"pbx.local":             {"pbx", "local"},
		"pbx.local.":            {"pbx", "local"},
		"local":                 {"local"},
		".":                     nil,
		`Front\.desk.local`:     {"Front.desk", "local"},
		`a\\b.local`:            {`a\b`, "local"},
		`\065\.\\\195\169`:      {`A.\é`},
		`a\046b`:                {"a.b"},
		" a b .local":           {" a b ", "local"},
		"büro.local":            {"büro", "local"},
		"\uFFFD":                {"\uFFFD"},
		long + ".local":         {long, "local"},
		strings.Repeat("x.", 9): slices.Repeat([]string{"x"}, 9),
		strings.Repeat(long+".", 3) + strings.Repeat("x", 61): {long, long, long, strings.Repeat("x", 61)}, // 255 bytes
	} {
		t.Run(fmt.Sprintf("%.20q of %d bytes", text, len(text)), func(t *testing.T) {
			name, err := Parse(text)
			if err != nil {
				t.Errorf("%q: %v", text, err)
				return
			}
			if got := name.Labels(); !slices.Equal(got, want) {
				t.Errorf("%q: %q; want %q", text, got, want)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	long := strings.Repeat("x", MaxLabel)
	for text, words := range map[string]string{
		"":                   "it is empty",
		"a..b":               "an empty label",
		".a":                 "an empty label",
		"a..":                "an empty label",
		"..":                 "an empty label",
		long + "x":           "has 64 bytes; the most is 63",
		`a\`:                 `"\\" is not an escape`,
		`a\b`:                `"\\b" is not an escape`,
		`\000`:               `"\\000" is not an escape`,
		`\256`:               `"\\256" is not an escape`,
		`\12`:                `"\\12" is not an escape`,
		`\1x3`:               "is not an escape",
		"a\x00b":             "holds a NUL",
		"a\xffb":             "is not UTF-8",
		`a\255b`:             "is not UTF-8",
		"\uFDD0":             "the noncharacter U+FDD0",
		"\uFDEF":             "the noncharacter U+FDEF",
		"\U0010FFFF":         "the noncharacter U+10FFFF",
		`\239\191\191.local`: "the noncharacter U+FFFF",
		strings.Repeat(long+".", 3) + strings.Repeat("x", 62): "the name takes 256 bytes; the most is 255",
	} {
		t.Run(fmt.Sprintf("%.20q of %d bytes", text, len(text)), func(t *testing.T) {
			if name, err := Parse(text); err == nil || !strings.Contains(err.Error(), words) {
				t.Errorf("%q: %v, %v; want %q", text, name, err, words)
			}
		})
	}
}

func mustNew(t *testing.T, labels ...string) Name {
	t.Helper()
	name, err := New(labels...)
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func TestText(t *testing.T) {
	for _, test := range []struct {
		labels         []string
		people, master string
	}{
		{nil, ".", "."},
		{[]string{"pbx", "local"}, "pbx.local", "pbx.local."},
		{[]string{"Front. desk", "local"}, `Front\. desk.local`, `Front\.\ desk.local.`},
		{[]string{`a\b`}, `a\\b`, `a\\b.`},
		{[]string{"é\x7f\n\xff\x00"}, `é\127\010\255\000`, `\195\169\127\010\255\000.`},
		{[]string{`a"(b);@$`}, `a"(b);@$`, `a\"\(b\)\;\@\$.`},
		{[]string{"\uFFFD"}, "\uFFFD", `\239\191\189.`},
	} {
		t.Run(test.people, func(t *testing.T) {
			name := mustNew(t, test.labels...)
			if got := name.String(); got != test.people {
				t.Errorf("%q: %s; want %s", test.labels, got, test.people)
			}
			if got := name.Master(); got != test.master {
				t.Errorf("%q in a zone file: %s; want %s", test.labels, got, test.master)
			}
		})
	}
}

func TestZeroName(t *testing.T) {
	var zero Name
	root := mustNew(t)
	if !zero.IsZero() || root.IsZero() || zero == root || zero.Equal(root) {
		t.Error("no name and the root are not the same")
	}
	if zero.Wire() != "" || zero.String() != "" || zero.Label() != "" || zero.Labels() != nil {
		t.Error("no name has no text")
	}
	if zero.HasSuffix(root) || root.HasSuffix(zero) {
		t.Error("no name is below nothing, and nothing below it")
	}
}

func TestParts(t *testing.T) {
	name := MustParse(`Front\.desk._http._tcp.local`)
	if name.Label() != "Front.desk" || name.Parent() != MustParse("_http._tcp.local") {
		t.Errorf("%q below %s", name.Label(), name.Parent())
	}
	root := mustNew(t)
	if Local.Parent() != root || root.Parent() != root || root.Label() != "" {
		t.Error("the root is above local, and above itself")
	}
	if child, err := Local.Child("a.b"); err != nil || child != MustParse(`a\.b.local`) {
		t.Errorf("%v, %v", child, err)
	}
	if _, err := Local.Child(""); err == nil {
		t.Error("an empty label was taken")
	}
	if joined, err := MustParse("_http._tcp").Join(Local); err != nil || joined != MustParse("_http._tcp.local") {
		t.Errorf("%v, %v", joined, err)
	}
	if _, err := MustParse(strings.Repeat("x.", 100)).Join(MustParse(strings.Repeat("x.", 30))); err == nil {
		t.Error("a name of 261 bytes was taken")
	}
}

func TestEqual(t *testing.T) {
	for _, test := range []struct {
		a, b                string
		isEqual, isInOrSame bool
	}{
		{"PBX.local", "pbx.LOCAL", true, true},
		{"pbx.local", "local", false, true},
		{"a.b.local", "B.Local", false, true},
		{"pbx.local", "ocal", false, false},
		{`pbx\.local`, "local", false, false},
		{"local", "pbx.local", false, false},
		{"pbx.local", ".", false, true},
		{"É.local", "é.local", false, false},
		{"[.local", "{.local", false, false},
	} {
		t.Run(test.a+" and "+test.b, func(t *testing.T) {
			a, b := MustParse(test.a), MustParse(test.b)
			if a.Equal(b) != test.isEqual || (a.Key() == b.Key()) != test.isEqual {
				t.Errorf("%s and %s: Equal gives %v, the keys are %q and %q", a, b, a.Equal(b), a.Key(), b.Key())
			}
			if a.HasSuffix(b) != test.isInOrSame {
				t.Errorf("%s in %s: %v", a, b, a.HasSuffix(b))
			}
		})
	}
}

func TestFromWire(t *testing.T) {
	name := MustParse(`Front\.desk.local`)
	if again, err := FromWire(name.Wire()); err != nil || again != name {
		t.Errorf("%v, %v", again, err)
	}
	longest := strings.Repeat("\x01x", 127) + "\x00"
	if _, err := FromWire(longest); err != nil {
		t.Errorf("255 bytes: %v", err)
	}
	for what, wire := range map[string]string{
		"nothing":          "",
		"no root":          "\x01a",
		"a label cut off":  "\x05ab",
		"two names":        "\x01a\x00\x01b\x00",
		"a pointer":        "\xc0\x0c",
		"a label of 64":    "\x40" + strings.Repeat("x", 64) + "\x00",
		"more than 255":    strings.Repeat("\x01x", 128) + "\x00",
		"bytes behind it":  "\x00\x00",
		"a length and end": "\x01",
	} {
		t.Run(what, func(t *testing.T) {
			if name, err := FromWire(wire); err == nil {
				t.Errorf("%s is taken for %q", what, name)
			}
		})
	}
}

func TestMustParse(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a bad name did not panic")
		}
	}()
	MustParse("a..b")
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"pbx.local", ".", `a\.b\\\065.é.`, " \x7f", `\195\169`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		name, err := Parse(text)
		if err != nil {
			return
		}
		if again, err := Parse(name.String()); err != nil || again != name {
			t.Errorf("%q is %q, which is %q: %v", text, name, again, err)
		}
		if again, err := FromWire(name.Wire()); err != nil || again != name {
			t.Errorf("%q is %q on the wire, which is %q: %v", text, name.Wire(), again, err)
		}
		if again, err := New(name.Labels()...); err != nil || again != name {
			t.Errorf("%q has the labels %q, which make %q: %v", text, name.Labels(), again, err)
		}
	})
}

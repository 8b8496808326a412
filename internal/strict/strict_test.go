package strict

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"

	"announcer/internal/diag"
)

// document has a field of every kind.
type document struct {
	Daemon daemon  `toml:"daemon" json:"daemon"`
	Groups []group `toml:"group" json:"groups"`
}

type daemon struct {
	Services []string `toml:"services" json:"services"`
	Quiet    bool     `toml:"quiet" json:"quiet"`
}

type group struct {
	Name  string `toml:"name" json:"name"`
	Port  int64  `toml:"port" json:"port"`
	TXT   []txt  `toml:"txt" json:"txt"`
	Files Pairs  `toml:"files" json:"files"`
}

type txt struct {
	Text string `toml:"text" json:"text"`
	Note string `json:"-"` // no key: only code sets it
	Hex  string `toml:"hex" json:"hex"`
}

func (t *txt) UnmarshalText(text []byte) error {
	if string(text) == "bad" {
		return errors.New("bad")
	}
	t.Text = string(text)
	return nil
}

var filled = document{
	Daemon: daemon{Services: []string{"a", "b"}, Quiet: true},
	Groups: []group{
		{Name: "one", Port: 80, TXT: []txt{{Text: "x"}, {Hex: "00"}}, Files: Pairs{{"D65", "z"}, {"D40", "a"}}},
		{Name: "two"},
	},
}

func TestInto(t *testing.T) {
	for what, d := range map[string]*Document{
		"toml": TOML("x", []byte(`
[daemon]
services = ["a", "b"]
quiet = true
[[group]]
name = "one"
port = 80
txt = ["x", { hex = "00" }]
[group.files]
D65 = "z"
D40 = "a"
[[group]]
name = "two"
`)),
		"inline toml": TOML("x", []byte(`
daemon = { services = ["a", "b"], quiet = true }
group = [
  { name = "one", port = 80, txt = ["x", { hex = "00" }], files = { D65 = "z", D40 = "a" } },
  { "name" = "two" },
]`)),
		"json": JSON("x", []byte(`{
			"groups": [{"name": "one", "port": 80, "txt": ["x", {"hex": "00"}], "files": {"D65": "z", "D40": "a"}}, {"name": "two"}],
			"daemon": {"quiet": true, "services": ["a", "b"]}
		}`)),
	} {
		t.Run(what, func(t *testing.T) {
			var got document
			d.Into(&got)
			if diff := cmp.Diff(filled, got); diff != "" || len(d.Found.List()) > 0 {
				t.Errorf("%v, %s", d.Found.List(), diff)
			}
		})
	}
}

func TestOneStringForAList(t *testing.T) {
	var got document
	d := TOML("x", []byte(`daemon.services = "a"
group = [{txt = "b"}]`))
	d.Into(&got)
	want := document{Daemon: daemon{Services: []string{"a"}}, Groups: []group{{TXT: []txt{{Text: "b"}}}}}
	if diff := cmp.Diff(want, got); diff != "" || len(d.Found.List()) > 0 {
		t.Errorf("%v, %s", d.Found.List(), diff)
	}
}

func TestUnknownKeyIsNotThere(t *testing.T) {
	d := TOML("x", []byte("[daemon]\nport = 1\nquiet = true"))
	d.Into(&document{})
	if p := Path("").Key("daemon"); d.Has(p.Key("port")) || !d.Has(p.Key("quiet")) {
		t.Error("the document has a key that is not known, or not one that is")
	}
}

func TestWrongKindIsToldOnce(t *testing.T) {
	d := TOML("x", []byte("[[group]]\nport = '1'"))
	d.Into(&document{})
	p := Path("").Key("group").Index(0)
	d.Errorf(p.Key("port"), "it is 0")
	d.Errorf(p.Key("name"), "it is missing")
	compare(t, d.text, d.Found.List(), []string{"x:1:1: name: it is missing", "x:2:1: port: this is a string; want a whole number"})
}

func TestBounds(t *testing.T) {
	long := strings.Repeat("é", 5000)
	d := TOML("x", []byte("'"+long+"' = 1\n"+strings.Repeat("[[group]]\nport = ''\n", 200)))
	d.Into(&document{})
	if len(d.Found.List()) != diag.MaxFindings+1 {
		t.Errorf("%d findings; want %d", len(d.Found.List()), diag.MaxFindings+1)
	}
	if n := len(d.Found.List()[0].String()); n > 2*1000 {
		t.Errorf("a finding of %d bytes", n)
	}
}

// complaints are TOML documents with all that is wrong with them.
var complaints = []struct {
	text string
	want []string
}{
	{"[daemon]\n\nservces = []", []string{`x.toml:3:1: "servces": unknown key in [daemon]; did you mean "services"?`}},
	{"[daemon]\nfoo = 1", []string{`x.toml:2:1: "foo": unknown key in [daemon]; want one of services, quiet`}},
	{"[daemon]\n\t  foo = 1", []string{`x.toml:2:4: "foo": unknown key in [daemon]; want one of services, quiet`}},
	{"  [[daemon]]", []string{"x.toml:1:3: daemon: this is a list; want a table, [daemon]"}},
	{"# first\nquiet = true", []string{`x.toml:2:1: "quiet": unknown key outside of a table; want it under [daemon]`}},
	{"[deamon]\nquiet = true", []string{`x.toml:1:1: "deamon": unknown key outside of a table; did you mean "daemon"?`}},
	{"daemon = { quiet = true, foo = 1 }", []string{`x.toml:1:26: "foo": unknown key in [daemon]; want one of services, quiet`}},
	{"daemon.foo.bar = 1", []string{`x.toml:1:1: "foo": unknown key in [daemon]; want one of services, quiet`}},
	{"[daemon.foo]\nbar = 1", []string{`x.toml:1:1: "foo": unknown key in [daemon]; want one of services, quiet`}},
	{"[[group]]\nname = 'a'\n[[group]]\nnam = 'b'\n[[group]]\nname = 'c'", []string{`x.toml:4:1: "nam": unknown key in [[group]]; did you mean "name"?`}},
	{"group = [{ name = 'a' },\n  { nam = 'b' }]", []string{`x.toml:2:5: "nam": unknown key in [[group]]; did you mean "name"?`}},
	{"[[group]]\n[[group]]\n[group.files]\nD40 = 1", []string{`x.toml:4:1: D40: this is a whole number; want a string in quotes`}},
	{"[[group]]\ntxt = [\n  \"a\",\n  1,\n  { hex = 1, hxe = 2 },\n  'bad', # not\n]", []string{
		"x.toml:4:3: txt: this is a whole number; want a string, or a table with text and hex",
		"x.toml:5:5: hex: this is a whole number; want a string in quotes",
		`x.toml:5:14: "hxe": unknown key in [[group.txt]]; did you mean "hex"?`,
		"x.toml:6:3: txt: this is a string; want a string, or a table with text and hex",
	}},
	{"[[group]]\nname = 1\nport = \"80\"\nfiles = []\n[daemon]\nservices = 3\nquiet = 'yes'", []string{
		"x.toml:2:1: name: this is a whole number; want a string in quotes",
		"x.toml:3:1: port: this is a string; want a whole number",
		"x.toml:4:1: files: this is a list; want a table, [group.files]",
		"x.toml:6:1: services: this is a whole number; want a list in brackets",
		"x.toml:7:1: quiet: this is a string; want true or false",
	}},
	{"[[group]]\nname = 1.5\nport = 2026-11-22\nfiles = true", []string{
		"x.toml:2:1: name: this is a number with a fraction; want a string in quotes",
		"x.toml:3:1: port: this is a date or time; want a whole number",
		"x.toml:4:1: files: this is true or false; want a table, [group.files]",
	}},
	{"[group]\nname = 'a'", []string{"x.toml:1:1: group: this is a table; want a list of tables, each under [[group]]"}},
	{"[[group]]\ntxt = [{ \"\" = 1, - = 2 }]", []string{
		`x.toml:2:10: "": unknown key in [[group.txt]]; want one of text, hex`,
		`x.toml:2:18: "-": unknown key in [[group.txt]]; want one of text, hex`,
	}},
	{"[[daemon]]", []string{"x.toml:1:1: daemon: this is a list; want a table, [daemon]"}},
	{"\xff\xfe[daemon]\nquiet = true", []string{`x.toml:1:1: this is not TOML: it is UTF-16; want UTF-8`}},
	{"\xfe\xff\x00[\x00d", []string{`x.toml:1:1: this is not TOML: it is UTF-16; want UTF-8`}},
	{"[daemon]\nquiet = yes", []string{`x.toml:2:9: this is not TOML: expected value but found "yes" instead`}},
	{"[daemon]\nquiet = true\nquiet = false", []string{`x.toml:3:1: this is not TOML: Key 'daemon.quiet' has already been defined`}},
	{"a = \"\xff\"", []string{`x.toml:1:5: this is not TOML: invalid UTF-8 byte: 0xff`}},
	{strings.Repeat("[", 3000), []string{`x.toml:1:3: this is not TOML: expected '.' or ']' to end table name, but got '[' instead`}},
	{"a = " + strings.Repeat("[", 3000), []string{`x.toml:1:15: tables and lists are nested more than 10 deep; no key of announcer is`}},
	{strings.Repeat("a.", 3000) + "a = 1", []string{`x.toml:1:23: tables and lists are nested more than 10 deep; no key of announcer is`}},
}

func TestComplaints(t *testing.T) {
	for _, test := range complaints {
		t.Run(test.want[0], func(t *testing.T) {
			d := TOML("x.toml", []byte(test.text))
			var doc document
			d.Into(&doc)
			compare(t, test.text, d.Found.List(), test.want)
		})
	}
}

// TestLibraryLacksPlaces counts for how many findings the library has the line. It is why the scanner is there: when the
// library has the lines of all of them, the scanner is in the way.
func TestLibraryLacksPlaces(t *testing.T) {
	findings, placed := 0, 0
	for _, test := range complaints {
		findings += len(test.want)
		_, err := toml.Decode(test.text, new(document))
		if _, ok := errors.AsType[toml.ParseError](err); ok {
			placed++
		}
	}
	t.Logf("of %d findings the library has the lines of %d", findings, placed)
	if placed == findings {
		t.Error("the library has the lines of all findings; want the scanner removed")
	}
}

func TestJSONComplaints(t *testing.T) {
	for _, test := range []struct {
		name string
		text string
		want []string
	}{
		{"mistyped and unknown key", "{\n  \"daemon\": {\"servces\": []},\n  \"foo\": 1\n}", []string{
			`x.json:2:14: "servces": unknown key in "daemon"; did you mean "services"?`,
			`x.json:3:3: "foo": unknown key; want one of daemon, groups`,
		}},
		{"number too large", `{"groups": [{}, {"name": null, "port": 1e400}]}`, []string{`x.json:1:45: this is not JSON: a number is too large`}},
		{"wrong kinds", "{\"groups\": [{}, {\"name\": null,\n\"port\": 1.5, \"txt\": {}, \"files\": 2}], \"daemon\": 1}", []string{
			"x.json:1:18: name: this is null; want a string in quotes",
			"x.json:2:1: port: this is a number with a fraction; want a whole number",
			"x.json:2:14: txt: this is a table; want a list in brackets",
			"x.json:2:25: files: this is a whole number; want an object in braces",
			"x.json:2:39: daemon: this is a whole number; want an object in braces",
		}},
		{"empty", "", []string{"x.json:1:1: this is not JSON: it ends too early"}},
		{"list", "[]", []string{"x.json:1:1: this is a list; want an object in braces"}},
		{"key twice", `{"a": 1, "a": 2}`, []string{"x.json:1:13: this is not JSON: a key is set twice"}},
		{"text behind the end", "{}\n{}", []string{"x.json:2:2: this is not JSON: something follows after the end"}},
		{"cut off in a list", `{"a": [1, 2`, []string{"x.json:1:12: this is not JSON: it ends too early"}},
		{"cut off in a word", `{"a": tru}`, []string{"x.json:1:7: this is not JSON: invalid character '}' in literal true (expecting 'e')"}},
		{"not UTF-8", "{\"a\": \"\xff\"}", []string{"x.json:1:8: this is not JSON: it is not UTF-8"}},
		{"nested lists", `{"a": ` + strings.Repeat("[", 3000), []string{"x.json:1:17: this is not JSON: objects and lists are nested too deep"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := JSON("x.json", []byte(test.text))
			var doc document
			d.Into(&doc)
			compare(t, test.text, d.Found.List(), test.want)
		})
	}
}

func compare(t *testing.T, text string, got diag.Findings, want []string) {
	t.Helper()
	if diff := cmp.Diff(strings.Join(want, "\n"), got.Error()); diff != "" {
		t.Errorf("%.200q:\n%s", text, diff)
	}
}

func TestPlaces(t *testing.T) {
	const text = `# a comment with = and [
"quoted.key" = 'a'   # not "b"
a . b = 1
multi = """
x = 1
"""" # one quote more
literal = '''
[x]'''
escaped = "\" x = 1"
list = [ # a
  1, [2, 3], {a.b = "]", 'c' = 4},
]
date = 1979-05-27 07:32:00
[t."u.v"]
x = "é" 
[[t.l]]
[[t.l]]
[t.l.m]
y = 2
[[t.l.n]]
z = { p = [
  { q = 1 } ] }
`
	d := TOML("x", []byte("\ufeff"+text))
	if len(d.Found.List()) > 0 {
		t.Fatal(d.Found.List())
	}
	at := func(keys ...any) (p Path) {
		for _, key := range keys {
			switch k := key.(type) {
			case string:
				p = p.Key(k)
			case int:
				p = p.Index(k)
			}
		}
		return p
	}
	for _, test := range []struct {
		name string
		path Path
		line int
		key  string // what stands there
	}{
		{"quoted key", at("quoted.key"), 2, `"quoted.key"`},
		{"table of a dotted key", at("a"), 3, "a . b"},
		{"dotted key", at("a", "b"), 3, "a . b"},
		{"text of several lines", at("multi"), 4, "multi"},
		{"literal of several lines", at("literal"), 7, "literal"},
		{"escaped quote", at("escaped"), 9, "escaped"},
		{"list", at("list"), 10, "list"},
		{"first element", at("list", 0), 11, "1,"},
		{"element of an inner list", at("list", 1, 1), 11, "3]"},
		{"inline table", at("list", 2), 11, "{a.b"},
		{"dotted key of an inline table", at("list", 2, "a", "b"), 11, "a.b"},
		{"quoted key of an inline table", at("list", 2, "c"), 11, "'c'"},
		{"date", at("date"), 13, "date"},
		{"table by its first child", at("t"), 14, "[t."},
		{"quoted table", at("t", "u.v", "x"), 15, "x ="},
		{"list of tables", at("t", "l"), 16, "[[t.l]]\n[["},
		{"first table", at("t", "l", 0), 16, "[[t.l]]\n[["},
		{"second table", at("t", "l", 1), 17, "[[t.l]]\n[t.l.m]"},
		{"table in a table", at("t", "l", 1, "m"), 18, "[t.l.m]"},
		{"key of that", at("t", "l", 1, "m", "y"), 19, "y"},
		{"list in a table", at("t", "l", 1, "n", 0), 20, "[[t.l.n]]"},
		{"list in an inline table", at("t", "l", 1, "n", 0, "z", "p"), 21, "p ="},
		{"key in that", at("t", "l", 1, "n", 0, "z", "p", 0, "q"), 22, "q ="},
	} {
		t.Run(test.name, func(t *testing.T) {
			offset, ok := d.places[test.path]
			if !ok || !strings.HasPrefix(d.text[offset:], test.key) {
				t.Errorf("offset %d, %t; want that of %q", offset, ok, test.key)
			}
			if line, _ := d.place(test.path); line != test.line {
				t.Errorf("line %d; want %d", line, test.line)
			}
		})
	}
	if line, column := d.place(at("t", "l", 1, "nothing", "here")); line != 17 || column != 1 {
		t.Errorf("what is missing is at %d:%d; want the line of the table", line, column)
	}
	if d.Has(at("t", "l", 2)) || !d.Has(at("t", "l", 1)) {
		t.Error("Has does not tell what the document holds")
	}
}

// FuzzTOML checks that every value that the library finds has a place.
func FuzzTOML(f *testing.F) {
	f.Add("[a]\nb = 1\n[[c]]\nd = { e = [1, '''x''', \"\"\"y\"\"\"] } # z\n")
	f.Add("\"a.b\".c = 'x'\nd = [\n{e = 1},\n]\n")
	f.Add("a = \"\\\"\"\r\nb=1979-05-27 07:32:00\n[c.d]")
	f.Add("[[a.b]]\n[a.b.c]\nd=1\n[[a.b]]\n")
	f.Add("\xff\xfea = 1\n")
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1<<14 {
			return
		}
		start := time.Now()
		d := TOML("x", []byte(text))
		if taken := time.Since(start); taken > 5*time.Second {
			t.Errorf("it took %v", taken)
		}
		if d.root != nil {
			checkPlaces(t, d, "", d.root)
		}
		d.Into(&document{})
	})
}

// FuzzJSON checks the same.
func FuzzJSON(f *testing.F) {
	f.Add(`{"a": [1, {"b": "c\n"}], "d": null}`)
	f.Fuzz(func(t *testing.T, text string) {
		d := JSON("x", []byte(text))
		if d.root != nil {
			checkPlaces(t, d, "", d.root)
		}
		d.Into(&document{})
	})
}

func checkPlaces(t *testing.T, d *Document, p Path, value any) {
	if p != "" && !d.Has(p) {
		t.Errorf("%q has no place in\n%s", p, d.text)
	}
	switch v := value.(type) {
	case map[string]any:
		for key, value := range v {
			checkPlaces(t, d, p.Key(key), value)
		}
	case []map[string]any:
		for i, value := range v {
			checkPlaces(t, d, p.Index(i), value)
		}
	case []any:
		for i, value := range v {
			checkPlaces(t, d, p.Index(i), value)
		}
	}
}

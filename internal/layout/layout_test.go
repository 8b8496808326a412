package layout

import (
	"slices"
	"strings"
	"testing"
)

func TestWidth(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       int
	}{
		{"none", "", 0},
		{"ASCII", "Front office", 12},
		{"an umlaut", "Büro", 4},
		{"a combining mark", "Bu\u0308ro", 4},
		{"Chinese", "前台", 4},
		{"Korean", "전화", 4},
		{"full-width Latin", "Ａ", 2},
		{"half-width kana", "ｱ", 1},
		{"an emoji", "📞", 2},
		{"a zero-width joiner", "a\u200db", 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := Width(test.text); got != test.want {
				t.Errorf("%q takes %d columns, want %d", test.text, got, test.want)
			}
		})
	}
}

func TestWrap(t *testing.T) {
	for _, test := range []struct {
		name, text string
		columns    int
		want       []string
	}{
		{"nothing", "", 10, []string{""}},
		{"it fits", "one two", 7, []string{"one two"}},
		{"between words", "one two three", 9, []string{"one two", "three"}},
		{"a path", "/etc/announcer/services", 16, []string{"/etc/announcer/", "services"}},
		{"a long word", "abcdefgh", 3, []string{"abc", "def", "gh"}},
		{"a long word behind another", "x abcdef", 4, []string{"x", "abcd", "ef"}},
		{"wide characters", "前台前台", 5, []string{"前台", "前台"}},
		{"narrower than a character", "前台", 1, []string{"前", "台"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := Wrap(test.text, test.columns); !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestTable(t *testing.T) {
	long := [][]string{{"Front office PBX", "_digiumproxy._udp", "eth0", "announced", "examples/services/dpma.service"}}
	for _, test := range []struct {
		name     string
		columns  int
		headings string
		rows     [][]string
		want     string
	}{
		{"no limit", 0, "NAME TYPE LINK STATE DEFINED-IN", long, `
NAME              TYPE               LINK  STATE      DEFINED-IN
Front office PBX  _digiumproxy._udp  eth0  announced  examples/services/dpma.service
`},
		{"80 columns", 80, "NAME TYPE LINK STATE DEFINED-IN", long, `
NAME              TYPE               LINK  STATE      DEFINED-IN
Front office PBX  _digiumproxy._udp  eth0  announced  examples/services/
                                                      dpma.service
`},
		{"40 columns", 40, "NAME LINK TEXT", [][]string{{"Front office PBX", "eth0", "a=1 b=2 c=3 d=4 e=5 f=6"}, {"x", "lo", "-"}}, `
NAME              LINK  TEXT
Front office PBX  eth0  a=1 b=2 c=3 d=4
                        e=5 f=6
x                 lo    -
`},
		{"it can't fit", 10, "NAME TYPE", [][]string{{"0123456789ab", "_http._tcp"}}, `
NAME        TYPE
0123456789  _http._tcp
ab
`},
		{"words are kept whole", 42, "BY TYPE MAC", [][]string{{"192.0.2.100 (this host)", "_http._tcp", "00:0f:d3:00:00:01 Digium"}}, `
BY           TYPE        MAC
192.0.2.100  _http._tcp  00:0f:d3:00:00:01
(this host)              Digium
`},
		{"wide names", 80, "NAME LINK", [][]string{{"前台电话", "eth0"}, {"Reception", "eth1"}, {"전화", "eth2"}}, `
NAME       LINK
前台电话   eth0
Reception  eth1
전화       eth2
`},
		{"an empty cell", 80, "A B C", [][]string{{"1", "", "3"}}, "\nA  B  C\n1     3\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var b strings.Builder
			if err := Table(&b, test.columns, test.headings, test.rows); err != nil {
				t.Fatal(err)
			}
			if "\n"+b.String() != test.want {
				t.Errorf("got\n%s\nwant%s", b.String(), test.want)
			}
		})
	}
}

package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestFoldCode(t *testing.T) {
	const word = "abcdefghi " // ten characters
	long := strings.TrimSpace(strings.Repeat(word, 8))
	seven := strings.TrimSpace(strings.Repeat(word, 7))
	for _, test := range []struct {
		name     string
		in, want []string
	}{
		{"text is not code", []string{long}, []string{long}},
		{"a line that fits", []string{"    " + seven}, []string{"    " + seven}},
		{"a long line", []string{"    " + long}, []string{"    " + seven, "        abcdefghi"}},
		{"a long line between fences", []string{"```console", long, "```", long}, []string{"```console", seven, "    abcdefghi", "```", long}},
		{"a command", []string{"    $ " + long}, []string{"    $ " + seven + ` \`, "        abcdefghi"}},
		{"no space", []string{"      " + strings.Repeat("x", 75)}, []string{"    " + strings.Repeat("x", 75)}},
		{"characters, not bytes", []string{"    " + strings.Repeat("…", 73)}, []string{"    " + strings.Repeat("…", 73)}},
		{"a comment is filled as a whole", []string{"    # " + long, "    # end"}, []string{"    # " + seven, "    # abcdefghi end"}},
		{"a comment that fits", []string{"    # one", "    # two"}, []string{"    # one", "    # two"}},
		{"explanations of words", []string{"    #   a  " + long, "    #   b  short"},
			[]string{"    #   a  " + strings.TrimSpace(strings.Repeat(word, 6)), "    #      abcdefghi abcdefghi", "    #   b  short"}},
		{"an explanation of two lines", []string{"    #   a  " + long, "    #      end"},
			[]string{"    #   a  " + strings.TrimSpace(strings.Repeat(word, 6)), "    #      abcdefghi abcdefghi end"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := foldCode(slices.Clone(test.in)); !slices.Equal(got, test.want) {
				t.Errorf("\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

func TestAssemble(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("example.toml", "[daemon]\nhost = \"pbx\"\n")
	write("guide.md", "# Guide\n\n## First\n\n1. Do it.\n\n   ```console\n   $ true\n   ```\n\n## Second\n\n| rule | what |\n|---|---|\n| `a`, `b` | one |\n| `c` | two |\n")
	for _, test := range []struct{ name, text, want, err string }{
		{"the date, once", "% announcer 8 DATE\n\nDATE\n", "% announcer 8 2026-11-27\n\nDATE\n", ""},
		{"a file", "%\nINCLUDE DIR/example.toml\n", "%\n    [daemon]\n    host = \"pbx\"\n", ""},
		{"a missing file", "%\n\nINCLUDE DIR/none\n", "", "DIR/page.md:3: open DIR/none: "},
		{"steps", "%\nSECTION DIR/guide.md First\n", "%\n1\\. Do it.\n\n```console\n$ true\n```\n", ""},
		{"a table", "%\nSECTION DIR/guide.md Second\nend\n", "%\n`a`, `b`\n:   one\n\n`c`\n:   two\n\nend\n", ""},
		{"a missing heading", "%\nSECTION DIR/guide.md Third\n", "", `DIR/page.md:2: DIR/guide.md has no heading "Third"`},
		{"a wide table", "%\n| a | b | c |\n|---|---|---|\n| 1 | 2 | 3 |\n", "", "DIR/page.md: a table with 3 columns; want 2: | 1 | 2 | 3 |"},
	} {
		t.Run(test.name, func(t *testing.T) {
			here := strings.NewReplacer("DIR", dir)
			write("page.md", here.Replace(test.text))
			got, err := assemble(filepath.Join(dir, "page.md"), "2026-11-27")
			switch {
			case test.err != "" && (err == nil || !strings.HasPrefix(err.Error(), here.Replace(test.err))):
				t.Errorf("%v; want %s", err, test.err)
			case test.err == "" && (err != nil || got != test.want):
				t.Errorf("%q, %v; want %q", got, err, test.want)
			}
		})
	}
}

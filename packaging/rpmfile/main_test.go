package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// entry is a file in an archive of cpio.
func entry(name, content string) string {
	var b strings.Builder
	b.WriteString("070701")
	for field := range 13 {
		switch field {
		case 6:
			b.WriteString(hex8(len(content)))
		case 11:
			b.WriteString(hex8(len(name) + 1))
		default:
			b.WriteString(hex8(0))
		}
	}
	b.WriteString(name + "\x00")
	b.WriteString(strings.Repeat("\x00", -b.Len()&3))
	b.WriteString(content + strings.Repeat("\x00", -len(content)&3))
	return b.String()
}

func hex8(n int) string {
	const digits = "0123456789ABCDEF"
	text := make([]byte, 8)
	for i := range text {
		text[len(text)-1-i] = digits[n>>(4*i)&15]
	}
	return string(text)
}

func TestRename(t *testing.T) {
	end := entry(trailer, "")
	for _, test := range []struct{ name, archive, want, err string }{
		{"no file", end, end, ""},
		{"from the root", entry("/usr/bin/announcer", "ELF") + end, entry("./usr/bin/announcer", "ELF") + end, ""},
		{"every length", entry("/a", "") + entry("/bb", "1") + entry("/ccc", "12") + entry("/dddd", "1234") + end,
			entry("./a", "") + entry("./bb", "1") + entry("./ccc", "12") + entry("./dddd", "1234") + end, ""},
		{"from a dot already", entry("./usr", "") + end, entry("./usr", "") + end, ""},
		{"no archive", "hello", "", "not a cpio archive"},
		{"no end", entry("/a", ""), "", "not a cpio archive"},
		{"half a file", entry("/a", strings.Repeat("x", 400))[:200], "", "truncated cpio archive"},
		{"a size that is none", strings.Replace(end, "00000000", "zzzzzzzz", 7), "", "cpio archive: expected integer"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var b bytes.Buffer
			switch err := rename(&b, []byte(test.archive)); {
			case test.err != "" && (err == nil || err.Error() != test.err):
				t.Errorf("%v; want %s", err, test.err)
			case test.err == "" && (err != nil || b.String() != test.want):
				t.Errorf("%v, %q; want %q", err, b.String(), test.want)
			}
		})
	}
}

func TestMendRefuses(t *testing.T) {
	lead := "\xed\xab\xee\xdb" + strings.Repeat("\x00", 92)
	const empty = "\x8e\xad\xe8\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	for _, test := range []struct{ name, data, want string }{
		{"an empty file", "", "not an .rpm"},
		{"another file", strings.Repeat("x", 200), "not an .rpm"},
		{"a lead alone", lead, "signature: no header"},
		{"a signature alone", lead + empty, "header: no header"},
		{"a header that is longer than the file", lead + "\x8e\xad\xe8\x01\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff", "signature: truncated"},
		{"no payload", lead + empty + empty, "payload: EOF"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := mend([]byte(test.data)); err == nil || err.Error() != test.want {
				t.Errorf("%v; want %s", err, test.want)
			}
		})
	}
}

func TestFlagOf(t *testing.T) {
	for _, test := range []struct {
		name, dir string
		want      uint32
	}{
		{"a program", "/usr/bin/", 0},
		{"a manual page", "/usr/share/man/man8/", flagDoc},
		{"an example", "/usr/share/doc/announcer/examples/", flagDoc},
		{"a licence", "/usr/share/licenses/announcer/", flagLicence},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := flagOf(test.dir); got != test.want {
				t.Errorf("%d; want %d", got, test.want)
			}
		})
	}
}

func TestRewriteLeavesOtherFiles(t *testing.T) {
	file := t.TempDir() + "/README.md"
	if err := os.WriteFile(file, []byte("# announcer\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := rewrite(file); err == nil || !strings.HasSuffix(err.Error(), "README.md: not an .rpm") {
		t.Errorf("%v; want that it is no .rpm", err)
	}
	if data, err := os.ReadFile(file); err != nil || string(data) != "# announcer\n" {
		t.Errorf("%q, %v; want it as it was", data, err)
	}
}

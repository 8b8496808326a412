package escape

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode"

	"github.com/BurntSushi/toml"
)

var cases = []struct{ name, text, want string }{
	{"text", "Front office – Büro 前台 📞 e\u0301", "Front office – Büro 前台 📞 e\u0301"},
	{"blanks that take room", "a\u00a0b\u3000c", "a\u00a0b\u3000c"},
	{"C0", "a\x00\x07\x1b[2J\r", `a\000\007\027[2J\013`},
	{"DEL", "a\x7f", `a\127`},
	{"C1", "a\u009b31m\u0085", `a\15531m\133`},
	{"C1 as a byte", "a\x9b31m", `a\15531m`},
	{"line break and tab", "a\nb\tc", `a\010b\009c`},
	{"line and paragraph separators", "a\u2028b\u2029", `a\u2028b\u2029`},
	{"bidi", "a\u202eb\u2066c\u2069d\u200f\u061c", `a\u202eb\u2066c\u2069d\u200f\u061c`},
	{"zero width", "a\u200bb\u200cc\u200dd\ufeffe\u2060", `a\u200bb\u200cc\u200dd\ufeffe\u2060`},
	{"soft hyphen", "a\u00adb", `a\173b`},
	{"invisible letters", "a\u034fb\u115fc\u3164d\uffa0", `a\u034fb\u115fc\u3164d\uffa0`},
	{"tags", "a\U000e0041", `a\U000e0041`},
	{"private use", "a\ue000", `a\ue000`},
	{"not UTF-8", "a\xff\xc3", `a\255\195`},
	{"replacement character", "a\ufffd", "a\ufffd"},
}

func TestText(t *testing.T) {
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			if got := Text(test.text); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

// TestWriter wants the text of [Text] for text in any pieces, with line breaks and tabs.
func TestWriter(t *testing.T) {
	var text, want string
	for _, test := range cases {
		if !strings.ContainsAny(test.text, "\n\t") {
			text, want = text+test.text+"\n\t", want+test.want+"\n\t"
		}
	}
	for size := 1; size <= 5; size++ {
		t.Run(fmt.Sprintf("pieces of %d bytes", size), func(t *testing.T) {
			var out bytes.Buffer
			w := NewWriter(&out)
			for rest := []byte(text + "\xe2\x80"); len(rest) > 0; rest = rest[min(size, len(rest)):] {
				if n, err := w.Write(rest[:min(size, len(rest))]); n != min(size, len(rest)) || err != nil {
					t.Fatal(n, err)
				}
			}
			if out.String() != want {
				t.Errorf("%q, want %q", out.String(), want)
			}
			if err := w.Flush(); err != nil || out.String() != want+`\226\128` {
				t.Errorf("flushed: %q, %v", out.String(), err)
			}
		})
	}
}

func TestWriterOwn(t *testing.T) {
	var out bytes.Buffer
	w := NewWriter(&out)
	w.Control("\x1b[J")
	w.Verbatim([]byte("\u202e"))
	if out.String() != "\x1b[J\u202e" {
		t.Errorf("%q", out.String())
	}
	failing := NewWriter(writeError{})
	for name, f := range map[string]func() error{
		"write":    func() error { _, err := failing.Write([]byte("a")); return err },
		"control":  func() error { return failing.Control("\r") },
		"verbatim": func() error { return failing.Verbatim([]byte("a")) },
	} {
		t.Run(name, func(t *testing.T) {
			if err := f(); err != io.ErrClosedPipe {
				t.Error(err)
			}
		})
	}
}

type writeError struct{}

func (writeError) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// TestFormats wants each format to read back the value, from text without anything that is hidden.
func TestFormats(t *testing.T) {
	readers := map[string]func(text string) (written, read string, err error){
		"JSON": func(text string) (string, string, error) {
			var b strings.Builder
			err := json.NewEncoder(JSON(&b)).Encode(text)
			var got string
			return strings.TrimSuffix(b.String(), "\n"), got, errors.Join(err, json.Unmarshal([]byte(b.String()), &got), same(got, text))
		},
		"TOML": func(text string) (string, string, error) {
			written := `a = "` + TOML(text) + `"`
			var got struct{ A string }
			_, err := toml.Decode(written, &got)
			return written, got.A, errors.Join(err, same(got.A, text))
		},
		"XML": func(text string) (string, string, error) {
			written := "<a>" + XML(text) + "</a>"
			var got string
			err := xml.Unmarshal([]byte(written), &got)
			return written, got, errors.Join(err, same(got, text))
		},
	}
	for format, read := range readers {
		t.Run(format, func(t *testing.T) {
			for _, text := range []string{"Büro \n\t\r", "a\u0085\u009b", "a\u202e\u200b\u2028\u3164", "a\U000e0041\U0001f4de"} {
				written, _, err := read(text)
				if err != nil || strings.ContainsFunc(written, func(r rune) bool { return !unicode.IsGraphic(r) }) {
					t.Errorf("%q becomes %q: %v", text, written, err)
				}
			}
		})
	}
}

func same(got, want string) error {
	if got != want {
		return fmt.Errorf("read back: %q", got)
	}
	return nil
}

func TestFprintf(t *testing.T) {
	joined := errors.Join(errors.New("a\nforged"), errors.New("b\x1b"))
	for _, test := range []struct {
		name string
		args []any
		want string
	}{
		{"text", []any{"a\nb"}, `a\010b`},
		{"number", []any{12}, "12"},
		{"error", []any{errors.New("a\nb")}, `a\010b`},
		{"joined errors", []any{joined}, `a\010forged` + "\n" + `b\027`},
		{"joined errors in one", []any{fmt.Errorf("x\n: %w", joined)}, `x\010: a\010forged` + "\n" + `b\027`},
		{"two errors in a line", []any{fmt.Errorf("%w\n%w", io.EOF, errors.New("a\nb"))}, `EOF` + "\n" + `a\010b`},
	} {
		t.Run(test.name, func(t *testing.T) {
			var b strings.Builder
			Fprintf(&b, "%v", test.args...)
			if b.String() != test.want {
				t.Errorf("%q, want %q", b.String(), test.want)
			}
		})
	}
	t.Run("width", func(t *testing.T) {
		var b strings.Builder
		Fprintf(&b, "%-4s|%5.1f|%q\n", "a", 1.25, "\x1b")
		if want := "a   |  1.2|\"\\x1b\"\n"; b.String() != want {
			t.Errorf("%q, want %q", b.String(), want)
		}
	})
}

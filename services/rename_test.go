package services

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestNextName(t *testing.T) {
	a, e := strings.Repeat("a", 63), strings.Repeat("é", 31)
	for name, want := range map[string]string{
		"Foo":             "Foo #2",
		"Foo #2":          "Foo #3",
		"Foo #99":         "Foo #100",
		"Foo #0":          "Foo #0 #2",
		"Foo #01":         "Foo #01 #2",
		"Foo #":           "Foo # #2",
		"Foo #-1":         "Foo #-1 #2",
		"A #2 #3":         "A #2 #4",
		"A #2 #x":         "A #2 #x #2",
		" #2":             " #3",
		"#2":              "#2 #2",
		"Foo#2":           "Foo#2 #2",
		"Foo #2 ":         "Foo #2  #2",
		"Foo #2147483647": "Foo #1",
		"Foo #3000000000": "Foo #3000000000 #2", // overflows: no number
		a:                 a[:60] + " #2",
		a[:60] + " #9":    a[:59] + " #10",
		e:                 strings.Repeat("é", 30) + " #2",
		a[:59] + "😀":      a[:59] + " #2",
	} {
		t.Run(fmt.Sprintf("%.20q of %d bytes", name, len(name)), func(t *testing.T) {
			if got := NextName(name); got != want {
				t.Errorf("NextName(%q) = %q; want %q", name, got, want)
			}
		})
	}
}

func TestNextHost(t *testing.T) {
	a := strings.Repeat("a", 63)
	for label, want := range map[string]string{
		"foo":            "foo-2",
		"foo-1":          "foo-2",
		"foo-9":          "foo-10",
		"foo-0":          "foo-0-2",
		"foo-02":         "foo-02-2",
		"foo-":           "foo--2",
		"a-b-2":          "a-b-3",
		"foo-2147483647": "foo-1",
		a:                a[:61] + "-2",
		a[:61] + "-9":    a[:60] + "-10",
	} {
		t.Run(fmt.Sprintf("%.20q of %d bytes", label, len(label)), func(t *testing.T) {
			if got := NextHost(label); got != want {
				t.Errorf("NextHost(%q) = %q; want %q", label, got, want)
			}
		})
	}
}

func FuzzNextName(f *testing.F) {
	f.Add("Foo #2")
	f.Add(strings.Repeat("é", 31))
	f.Fuzz(func(t *testing.T, name string) {
		next := NextName(name)
		if len(next) > 63 || next == name {
			t.Errorf("%q becomes %q, %d bytes", name, next, len(next))
		}
		if utf8.ValidString(name) && !utf8.ValidString(next) {
			t.Errorf("%q becomes %q, which is not UTF-8", name, next)
		}
	})
}

package diag

import (
	"strings"
	"testing"
	"time"
)

func TestFindingString(t *testing.T) {
	for want, f := range map[string]Finding{
		"a.service:7:11: <port>: it is no port; want 1 to 65535": {"a.service", 7, 11, "<port>", Error, "", "it is no port; want 1 to 65535"},
		"a.toml:7: port: warning: the port is 0":                 {"a.toml", 7, 0, "port", Warning, "", "the port is 0"},
		"a.service: it is empty":                                 {"a.service", 0, 0, "", Error, "", "it is empty"},
		"warning: the port is 0":                                 {"", 0, 0, "", Warning, "", "the port is 0"},
		"a.service: it is missing [phones/sip-url]":              {"a.service", 0, 0, "", Error, "phones/sip-url", "it is missing"},
	} {
		if got := f.String(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestFindings(t *testing.T) {
	fs := Findings{{"b", 1, 0, "", Error, "", "1"}, {"a", 10, 0, "", Warning, "", "2"}, {"a", 9, 4, "", Error, "", "3"}, {"a", 9, 2, "", Warning, "", "4"}, {"b", 1, 0, "", Warning, "", "5"}}
	fs.Sort()
	if got, want := fs.Error(), "a:9:2: warning: 4\na:9:4: 3\na:10: warning: 2\nb:1: 1\nb:1: warning: 5"; got != want {
		t.Errorf("sorted:\n%s\nwant:\n%s", got, want)
	}
	if err := fs.Err(); err == nil || err.Error() != "a:9:4: 3\nb:1: 1" {
		t.Errorf("the errors are %v", err)
	}
	if err := fs.Warnings().Err(); err != nil {
		t.Errorf("warnings alone are the error %v", err)
	}
}

func TestDidYouMean(t *testing.T) {
	words := []string{"name", "port", "host-name", "txt-record", "to"}
	for wrote, want := range map[string]string{
		"Port": "port", "prot": "port", "por": "port", "host": "host-name", "txtrecord": "txt-record", "nmae": "name", "foo": "", "x": "", "": "", "service": "",
	} {
		if got := Nearest(wrote, words); got != want {
			t.Errorf("%q: %q; want %q", wrote, got, want)
		}
	}
	if got := DidYouMean("prot", words) + DidYouMean("foo", words); got != "; did you mean port?" {
		t.Errorf("got %q", got)
	}
	start := time.Now()
	if Nearest(strings.Repeat("x", 1<<20), words) != "" || time.Since(start) > time.Second {
		t.Errorf("a word of a megabyte took %v", time.Since(start))
	}
}

// TestSeverities has what follows from each severity.
func TestSeverities(t *testing.T) {
	for _, test := range []struct {
		severity               Severity
		word                   string
		isProblem, keepsUnused bool
	}{
		{Warning, "warning", false, false},
		{Danger, "warning", true, false},
		{Unfit, "error", true, false},
		{Error, "error", true, true},
	} {
		fs := Findings{{File: "f", Severity: test.severity, Text: "text"}}
		if word := test.severity.String(); word != test.word || len(fs.Errors()) != map[string]int{"error": 1}[word] || len(fs.Warnings()) != map[string]int{"warning": 1}[word] {
			t.Errorf("%d is %s: %d errors, %d warnings; want %s", test.severity, word, len(fs.Errors()), len(fs.Warnings()), test.word)
		}
		if isProblem := len(fs.Problems()) == 1; isProblem != test.isProblem || (fs.Err() != nil) != test.keepsUnused {
			t.Errorf("%d: problem %t, error %v", test.severity, isProblem, fs.Err())
		}
		if want := map[string]string{"warning": "f: warning: text", "error": "f: text"}[test.word]; fs.Error() != want {
			t.Errorf("%q, want %q", fs.Error(), want)
		}
	}
}

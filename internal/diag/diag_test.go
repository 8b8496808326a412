package diag

import (
	"strings"
	"testing"
	"time"
)

func TestFindingString(t *testing.T) {
	for _, test := range []struct {
		name, want string
		finding    Finding
	}{
		{"line and column", "a.service:7:11: <port>: it is no port; want 1 to 65535", Finding{"a.service", 7, 11, "<port>", Error, "", "it is no port; want 1 to 65535", 0}},
		{"warning", "a.toml:7: port: warning: the port is 0", Finding{"a.toml", 7, 0, "port", Warning, "", "the port is 0", 0}},
		{"whole file", "a.service: it is empty", Finding{"a.service", 0, 0, "", Error, "", "it is empty", 0}},
		{"no file", "warning: the port is 0", Finding{"", 0, 0, "", Warning, "", "the port is 0", 0}},
		{"code", "a.service: it is missing [phones/sip-url]", Finding{"a.service", 0, 0, "", Error, "phones/sip-url", "it is missing", 0}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.finding.String(); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestFindings(t *testing.T) {
	fs := Findings{{"b", 1, 0, "", Error, "", "1", 0}, {"a", 10, 0, "", Warning, "", "2", 0}, {"a", 9, 4, "", Error, "", "3", 0}, {"a", 9, 2, "", Warning, "", "4", 0}, {"b", 1, 0, "", Warning, "", "5", 0}}
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
	for _, test := range []struct{ name, wrote, want string }{
		{"capital", "Port", "port"},
		{"letters changed over", "prot", "port"},
		{"letter missing", "por", "port"},
		{"start of a word", "host", "host-name"},
		{"hyphen missing", "txtrecord", "txt-record"},
		{"first of several", "nmae", "name"},
		{"short word", "foo", ""},
		{"one letter", "x", ""},
		{"nothing", "", ""},
		{"other word", "service", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := Nearest(test.wrote, words); got != test.want {
				t.Errorf("%q; want %q", got, test.want)
			}
		})
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
		name                   string
		severity               Severity
		word                   string
		isProblem, keepsUnused bool
	}{
		{"warning", Warning, "warning", false, false},
		{"danger", Danger, "warning", true, false},
		{"unfit", Unfit, "error", true, false},
		{"error", Error, "error", true, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			fs := Findings{{File: "f", Severity: test.severity, Text: "text"}}
			if word := test.severity.String(); word != test.word || len(fs.Errors()) != map[string]int{"error": 1}[word] || len(fs.Warnings()) != map[string]int{"warning": 1}[word] {
				t.Errorf("%s: %d errors, %d warnings; want %s", word, len(fs.Errors()), len(fs.Warnings()), test.word)
			}
			if isProblem := len(fs.Problems()) == 1; isProblem != test.isProblem || (fs.Err() != nil) != test.keepsUnused {
				t.Errorf("problem %t, error %v", isProblem, fs.Err())
			}
			if want := map[string]string{"warning": "f: warning: text", "error": "f: text"}[test.word]; fs.Error() != want {
				t.Errorf("%q, want %q", fs.Error(), want)
			}
		})
	}
}

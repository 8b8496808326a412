package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func TestPrintLicences(t *testing.T) {
	m := module{Path: "example.org/m", Version: "v1.2.3"}
	tests := []struct {
		name  string
		files []string
		want  string // what the output or the error contains
	}{
		{"one", []string{"LICENSE", "main.go"}, "example.org/m v1.2.3: LICENSE\n"},
		{"with an extension", []string{"licence.md"}, "text of licence.md"},
		{"with a name", []string{"LICENSE-MIT"}, "text of LICENSE-MIT"},
		{"all", []string{"COPYING", "NOTICE.txt"}, "text of NOTICE.txt"},
		{"none", []string{"README.md", "licensed.go"}, "example.org/m v1.2.3 has no licence: want "},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := fstest.MapFS{}
			for _, name := range test.files {
				dir[name] = &fstest.MapFile{Data: []byte("text of " + name)}
			}
			var out bytes.Buffer
			err := printLicences(&out, m, dir)
			got := out.String()
			if err != nil {
				got = err.Error()
			}
			if !strings.Contains(got, test.want) || (err != nil) != (test.name == "none") {
				t.Errorf("got %q, %v; want it to have %q", got, err, test.want)
			}
		})
	}
}

// TestProgram prints the licences of the program itself.
func TestProgram(t *testing.T) {
	always := []string{"Go go1.", "github.com/urfave/cli/v2 v2.", "github.com/miekg/dns v1.", "The Go Authors"}
	for system, more := range map[string][]string{
		"linux":   {"github.com/landlock-lsm/go-landlock v0.", "github.com/jsimonetti/rtnetlink/v2 v2."},
		"darwin":  nil,
		"windows": nil,
	} {
		t.Run(system, func(t *testing.T) {
			var out bytes.Buffer
			if err := run("../../cmd/announcer", system, &out); err != nil {
				t.Fatal(err)
			}
			for _, want := range slices.Concat(always, more) {
				if !strings.Contains(out.String(), want) {
					t.Errorf("nothing of %q", want)
				}
			}
			for _, never := range []string{"staticcheck", "github.com/stretchr/testify"} {
				if strings.Contains(out.String(), never) {
					t.Errorf("%s is not linked in", never)
				}
			}
			if linux := strings.Contains(out.String(), "rtnetlink"); linux != (system == "linux") {
				t.Errorf("rtnetlink, which is for Linux: %t", linux)
			}
		})
	}
}

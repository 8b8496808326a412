package config

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the findings of testdata/bad to the .want files")

// TestBad loads files with one kind of mistake each, and compares with the findings beside them.
func TestBad(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.toml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no test data: %v", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, findings := checked(filepath.Base(file), data, "pbx")
		got := findings.Error() + "\n"
		wantFile := strings.TrimSuffix(file, ".toml") + ".want"
		if *update {
			if err := os.WriteFile(wantFile, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(wantFile)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s:\n%s", file, diff)
		}
		if findings.Err() == nil {
			t.Errorf("%s: no error", file)
		}
		for _, f := range findings {
			if f.Line == 0 || f.Column == 0 {
				t.Errorf("%s: want a line and a column", f)
			}
		}
	}
}

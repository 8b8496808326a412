package avahixml

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"announcer/internal/diag"
	"announcer/services"
)

var update = flag.Bool("update", false, "write the .want files anew")

// Each file of testdata has one peculiarity, and beside it a .want file: what Decode says on the host pbx. The files
// in ok are good, those in warn have warnings, and those in bad are refused.
func TestGolden(t *testing.T) {
	for dir, isRight := range map[string]func(diag.Findings) bool{
		"ok":   func(fs diag.Findings) bool { return len(fs) == 0 },
		"warn": func(fs diag.Findings) bool { return len(fs) > 0 && fs.Err() == nil },
		"bad":  func(fs diag.Findings) bool { return fs.Err() != nil },
	} {
		files, _ := filepath.Glob(filepath.Join("testdata", dir, "*.service"))
		if len(files) == 0 {
			t.Errorf("there is no file in %s", dir)
		}
		for _, file := range files {
			t.Run(dir+"/"+filepath.Base(file), func(t *testing.T) {
				data, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				group, findings := decode(filepath.Base(file), data, "pbx")
				if !isRight(findings) {
					t.Errorf("the file does not belong in %s: %v", dir, findings)
				}
				got := ""
				if len(findings) > 0 {
					got = findings.Error() + "\n"
				}
				if findings.Err() == nil {
					got += describe(group)
				}
				compareWithFile(t, strings.TrimSuffix(file, ".service")+".want", got)
			})
		}
	}
}

func compareWithFile(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-) is not what we say (+):\n%s", file, diff)
	}
}

// describe spells out a group as it is on the host pbx.
func describe(g services.Group) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("name %q", g.Instance("pbx"))
	for _, s := range g.Services {
		line("service %s", s.Type)
		if s.Protocol != services.AnyProtocol {
			line("  protocol %s", s.Protocol)
		}
		for _, subtype := range s.Subtypes {
			line("  subtype %s", subtype)
		}
		if !s.Domain.IsZero() {
			line("  domain %s", s.Domain)
		}
		if !s.Host.IsZero() {
			line("  host %s", s.Host)
		}
		line("  port %d", s.Port)
		for _, txt := range s.TXT {
			line("  txt %q", txt)
		}
	}
	return b.String()
}

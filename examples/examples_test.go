// Package examples holds files to copy from. Its tests read every one of them.
package examples

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"announcer/internal/avahixml"
	"announcer/internal/config"
	"announcer/internal/diag"
	"announcer/services"
)

// recipes are for other systems. The module in recipes/ reads them.
var recipes = []string{"ansible", "compose/compose.yaml", "firewall", "grafana", "kubernetes", "prometheus", "systemd"}

func TestExamples(t *testing.T) {
	groups := map[string]services.Group{} // by name
	add := func(file string, group services.Group) {
		if _, ok := groups[group.Name]; ok {
			t.Errorf("%s: another example has the name %q too", file, group.Name)
		}
		groups[group.Name] = group
	}
	err := filepath.WalkDir(".", func(file string, entry fs.DirEntry, err error) error {
		if slices.Contains(recipes, file) && entry.IsDir() {
			return fs.SkipDir
		}
		if slices.Contains(recipes, file) {
			return nil
		}
		if err != nil || entry.IsDir() || strings.HasSuffix(file, ".go") {
			return err
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		var findings diag.Findings
		switch filepath.Ext(file) {
		case ".service":
			written := avahixml.Decode(file, data)
			findings = written.Check("testhost")
			add(file, written.Groups[0].Group)
		case ".toml":
			_, written := config.Load(file, data)
			findings = written.Check("testhost")
		default:
			t.Errorf("%s: what is that?", file)
		}
		for _, f := range findings {
			t.Error(f)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(groups) != 6 {
		t.Errorf("%d service files were read; want 6", len(groups))
	}
}

// TestServices checks that the directory that the README runs holds one server: phones stop where they find two.
func TestServices(t *testing.T) {
	files, err := os.ReadDir("services")
	if err != nil || len(files) != 1 || files[0].Name() != "dpma.service" {
		t.Errorf("want dpma.service alone: %v, %v", files, err)
	}
}

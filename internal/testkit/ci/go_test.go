package ci

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestGo looks at what the documents say of Go. An older Go downloads the one that go.mod names, if that is a release (1.26.0,
// not 1.26) and nothing forbids it.
func TestGo(t *testing.T) {
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	mod := read("go.mod")
	release := regexp.MustCompile(`(?m)^go ((\d+\.\d+)\.\d+)$`).FindStringSubmatch(mod)
	if release == nil || strings.Contains(mod, "\ntoolchain ") {
		t.Fatal("go.mod names no release of Go that an older one can download, or another one as toolchain")
	}
	contributing := read("CONTRIBUTING.md")
	for _, test := range []struct{ name, text, want string }{
		{"the README has the version", read("README.md"), "You need Go " + release[2] + " or newer"},
		{"the README has the way on Debian 12", read("README.md"), "apt install -t bookworm-backports golang-go`"},
		{"what the older Go then says", contributing, "go version go" + release[1] + " "},
		{"the archive", contributing, "https://go.dev/dl/go" + release[2] + "."},
	} {
		t.Run(test.name, func(t *testing.T) {
			if !strings.Contains(test.text, test.want) {
				t.Errorf("want %q", test.want)
			}
		})
	}
	t.Run("one archive", func(t *testing.T) {
		archives := regexp.MustCompile(`go[\d.]+\.linux-amd64\.tar\.gz`).FindAllString(contributing, -1)
		if len(archives) != 2 || archives[0] != archives[1] {
			t.Errorf("it downloads and unpacks %q", archives)
		}
	})
}

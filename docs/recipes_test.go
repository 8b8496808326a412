package docs

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"announcer/internal/convert"
	"announcer/internal/publication"
)

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestWordsAreDocumented wants every policy, check, engine and format where users look for them.
func TestWordsAreDocumented(t *testing.T) {
	settings := slices.Concat(publication.PolicyWords(), publication.CheckWords(), publication.Engines())
	for path, words := range map[string][]string{
		"configuration.md":           settings,
		"../examples/announcer.toml": settings,
		"commands.md":                convert.Formats(),
	} {
		t.Run(path, func(t *testing.T) {
			text := read(t, path)
			for _, word := range words {
				if !strings.Contains(text, `"`+word+`"`) && !strings.Contains(text, "`"+word+"`") {
					t.Errorf("%q is missing", word)
				}
			}
		})
	}
}

// TestPagesAreDocumented wants every page that the daemon serves in the document on status.
func TestPagesAreDocumented(t *testing.T) {
	handlers := read(t, "../internal/control/server.go") + read(t, "../internal/web/web.go")
	pages := regexp.MustCompile(`"(?:GET|POST) (/[a-z.]+)"`).FindAllStringSubmatch(handlers, -1)
	if len(pages) < 7 {
		t.Fatalf("%d pages", len(pages))
	}
	text := read(t, "status.md")
	for _, page := range pages {
		if !strings.Contains(text, "`"+page[1]+"`") {
			t.Errorf("status.md lacks %s", page[1])
		}
	}
}

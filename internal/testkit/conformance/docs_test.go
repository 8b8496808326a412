package conformance

import (
	"os"
	"strings"
	"testing"
)

// TestDocsListEveryCheck checks that the comparison is one by the checks as they are now; make compare writes it.
func TestDocsListEveryCheck(t *testing.T) {
	text, err := os.ReadFile("../../../docs/conformance.md")
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for line := range strings.Lines(string(text)) {
		if cells := strings.Split(line, " | "); strings.HasPrefix(line, "| 676") && len(cells) > 2 {
			listed = append(listed, cells[0]+" | "+cells[1])
		}
	}
	for i, check := range Checks() {
		want := "| " + check.Section + " | " + check.Rule
		if i >= len(listed) || listed[i] != want {
			t.Fatalf("docs/conformance.md does not list, as rule %d, %q; run make compare", i+1, want)
		}
	}
	if len(listed) > len(Checks()) {
		t.Errorf("docs/conformance.md lists %d rules, the suite has %d; run make compare", len(listed), len(Checks()))
	}
}

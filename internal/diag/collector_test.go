package diag

import (
	"strings"
	"testing"
)

func TestCollector(t *testing.T) {
	c := Collect("a.toml")
	for range MaxFindings + 1 {
		c.Addf(Warning, 2, "port", "wrong")
	}
	for range MaxFindings + 23 {
		c.Addf(Error, 1, "name", "%s", strings.Repeat("x", 5000))
	}
	list := c.List()
	if len(list) != 2*MaxFindings+2 || c.Errors() != MaxFindings+23 {
		t.Fatalf("%d findings, %d errors", len(list), c.Errors())
	}
	if first := list[0]; first.Line != 1 || len(first.Text) > maxText+10 || !strings.Contains(first.Text, " [...] ") {
		t.Errorf("the first finding is %v", first)
	}
	for i, want := range []string{"a.toml: warning: and 1 more warning; the first 100 are shown", "a.toml: and 23 more errors; the first 100 are shown"} {
		if got := list[2*MaxFindings+i].String(); got != want {
			t.Errorf("%q; want %q", got, want)
		}
	}
}

//go:build linux

package browser

import (
	"os"
	"path/filepath"
	"testing"
)

// axe is the checker of accessibility, below the folder of the project.
const axe = ".test-deps/npm/node_modules/axe-core/axe.min.js"

// Violations returns what axe-core finds that keeps people from using the page as it is shown, each with its place. Without
// axe-core the test is skipped.
func (p *Page) Violations(t testing.TB) []string {
	t.Helper()
	script, err := os.ReadFile(filepath.Join(root(t), axe))
	if err != nil {
		t.Skip("make test-deps fetches axe-core, if there is npm: ", err)
	}
	if !Value[bool](t, p, "!!window.axe") {
		Value[bool](t, p, string(script)+"\n;true")
	}
	return Value[[]string](t, p, `axe.run(document, {resultTypes: ["violations"]}).then(result => result.violations.flatMap(rule =>
		rule.nodes.map(node => [rule.id, node.target.join(" "), node.failureSummary].join(": "))))`)
}

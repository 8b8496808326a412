package compare

import (
	"os"
	"slices"
	"strings"
	"testing"

	"announcer/internal/publication"
	"announcer/internal/testkit/conformance"
)

// rows are the verdicts of a comparison that was written before: of each rule, the cells of the programs in their order.
type rows map[string][]string

func readRows(t *testing.T, file string) rows {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	all := rows{}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(line, "| \n"), " | ")
		if len(cells) > 2 && strings.HasPrefix(line, "| 676") {
			all[cells[0]+" | "+cells[1]] = cells[2:]
		}
	}
	return all
}

func key(c conformance.Check) string { return c.Section + " | " + c.Rule }

// missing returns the checks that have no row.
func (r rows) missing(checks []conformance.Check) []conformance.Check {
	return slices.DeleteFunc(checks, func(c conformance.Check) bool { return r[key(c)] != nil })
}

// with returns the results of a program in all checks: those that it has now, and for the others what its row says.
func (r rows) with(program int, ran []conformance.Result) []conformance.Result {
	var all []conformance.Result
	for _, v := range publication.IPVersions() {
		for _, check := range conformance.Checks() {
			i := slices.IndexFunc(ran, func(result conformance.Result) bool { return key(result.Check) == key(check) && result.Version == v })
			if i >= 0 {
				all = append(all, ran[i])
				continue
			}
			all = append(all, conformance.Result{Check: check, Version: v, Verdict: r.verdict(check, program, v)})
		}
	}
	return all
}

// verdict returns what a row says of a program, such as "pass", or "pass, fail" where the IP versions differ.
func (r rows) verdict(c conformance.Check, program int, v publication.IPVersion) conformance.Verdict {
	words := strings.Split(r[key(c)][program], ", ")
	word := words[0]
	if v == publication.V6 {
		word = words[len(words)-1]
	}
	for _, verdict := range []conformance.Verdict{conformance.Pass, conformance.Fail} {
		if verdict.String() == word {
			return verdict
		}
	}
	return conformance.NotApplicable
}

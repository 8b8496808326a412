// Command verdict reads the output of "go test -json" and prints what "go test" would print. It fails if a test failed. Of
// tests that were skipped it prints how many they are, and why. With -noskip it fails for these, too: on a machine that has
// everything that the tests need, a skipped test would never run. Tests of the corpus are left out, which is no part of the
// project; where ANNOUNCER_CORPUS names it, they are not skipped.
package main

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"announcer/internal/testkit/skip"
)

func main() {
	noSkip := flag.Bool("noskip", false, "fail if a test was skipped")
	flag.Parse()
	if err := report(os.Stdin, os.Stdout, *noSkip); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// event is a line of "go test -json" (see "go doc test2json").
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
}

// report copies the output of packages and of failed tests from in to out, and then how many tests were skipped. Its error is
// what failed, and with noSkip also what was skipped.
func report(in io.Reader, out io.Writer, noSkip bool) error {
	output := map[string]string{}  // of tests without a verdict yet, by package and name
	skipped := map[string]string{} // their output, likewise
	passed, failed := 0, 0
	decoder := json.NewDecoder(in)
	for {
		var e event
		err := decoder.Decode(&e)
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("FAIL: what go test says can't be read: %w", err)
		}
		test := e.Package + " " + e.Test
		switch {
		case e.Output == "PASS\n", strings.HasPrefix(e.Output, "=== "): // only said because of -json
		case e.Action == "build-output", e.Action == "output" && e.Test == "":
			io.WriteString(out, e.Output)
		case e.Action == "output":
			output[test] += e.Output
		case e.Action == "fail" && e.Test == "":
			failed++
		case e.Test == "": // a package that passed, or has no tests
		case e.Action == "fail":
			io.WriteString(out, output[test])
			delete(output, test)
		case e.Action == "pass":
			delete(output, test)
			passed++
		case e.Action == "skip":
			skipped[test] = output[test]
			delete(output, test)
		}
	}
	for _, text := range output { // a test that ended with its program
		io.WriteString(out, text)
	}
	switch {
	case failed > 0:
		return fmt.Errorf("FAIL: %d packages", failed)
	case noSkip && len(unwanted(skipped)) > 0:
		return fmt.Errorf("FAIL: %d tests were skipped:\n%s", len(unwanted(skipped)), list(unwanted(skipped)))
	case passed == 0:
		return fmt.Errorf("FAIL: no test ran")
	case len(skipped) > 0:
		fmt.Fprintf(out, "%d tests were skipped: %s\n", len(skipped), reasons(skipped))
	}
	return nil
}

// unwanted returns the skipped tests that need no corpus.
func unwanted(skipped map[string]string) map[string]string {
	others := maps.Clone(skipped)
	maps.DeleteFunc(others, func(_, output string) bool { return reason(output) == skip.NoCorpus })
	return others
}

// list returns the skipped tests with their output.
func list(skipped map[string]string) string {
	var b strings.Builder
	for _, test := range slices.Sorted(maps.Keys(skipped)) {
		fmt.Fprintf(&b, "%s:\n%s", test, skipped[test])
	}
	return b.String()
}

// place is what stands before a reason.
var place = regexp.MustCompile(`^\s*\S+\.go:\d+: `)

// reasons returns the reasons and how many tests each has, the most frequent first.
func reasons(skipped map[string]string) string {
	tests := map[string]int{}
	for _, output := range skipped {
		tests[reason(output)]++
	}
	all := slices.SortedFunc(maps.Keys(tests), func(a, b string) int { return cmp.Or(tests[b]-tests[a], cmp.Compare(a, b)) })
	for i, reason := range all {
		all[i] = fmt.Sprintf("%s (%d)", reason, tests[reason])
	}
	return strings.Join(all, "; ")
}

// reason returns the last line of a skipped test's output that has a place.
func reason(output string) string {
	for _, line := range slices.Backward(strings.Split(output, "\n")) {
		if place.MatchString(line) {
			return strings.TrimSpace(place.ReplaceAllString(line, ""))
		}
	}
	return "no reason"
}

// Command noskip reads the output of "go test -json" and prints what "go test" would print. It fails if a test failed,
// and also if one was skipped: on a machine that has everything that the tests need, a skipped test would never run.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

func main() {
	if err := report(os.Stdin, os.Stdout); err != nil {
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

// report copies the output of packages and of failed tests from in to out. Its error says what was skipped or failed.
func report(in io.Reader, out io.Writer) error {
	output := map[string]string{} // of tests without a verdict yet, by package and name
	var skipped []string
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
			skipped = append(skipped, test+":\n"+output[test])
			delete(output, test)
		}
	}
	for _, text := range output { // a test that ended with its program
		io.WriteString(out, text)
	}
	switch {
	case failed > 0:
		return fmt.Errorf("FAIL: %d packages", failed)
	case len(skipped) > 0:
		return fmt.Errorf("FAIL: %d tests were skipped:\n%s", len(skipped), strings.Join(skipped, ""))
	case passed == 0:
		return fmt.Errorf("FAIL: no test ran")
	}
	return nil
}

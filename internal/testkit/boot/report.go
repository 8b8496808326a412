//go:build linux

package boot

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path"
	"strings"
	"testing"
)

// event is a line of "go tool test2json".
type event struct {
	Action  string
	Test    string
	Output  string
	Elapsed float64
}

// result is what came of a test in the guest.
type result struct {
	verdict string // pass, fail or skip
	elapsed float64
	output  strings.Builder
	subs    []string
}

// report reads what a test binary prints with -test.v=test2json, and runs a subtest for each test that ends. It reports
// whether the binary came to its end.
func report(t *testing.T, output io.Reader) (finished bool, err error) {
	cmd := exec.CommandContext(t.Context(), "go", "tool", "test2json", "-t")
	cmd.Stdin = output
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return false, err
	}
	if err := cmd.Start(); err != nil {
		return false, err
	}
	finished, err = reportEvents(t, json.NewDecoder(stdout))
	return finished, errors.Join(err, cmd.Wait())
}

func reportEvents(t *testing.T, events *json.Decoder) (finished bool, err error) {
	results := map[string]*result{}
	for {
		var e event
		if err := events.Decode(&e); err == io.EOF {
			return finished, nil
		} else if err != nil {
			return finished, err
		}
		if e.Test == "" {
			finished = finished || e.Action == "output" && (e.Output == "PASS\n" || e.Output == "FAIL\n")
			if e.Action == "output" && strings.TrimSpace(e.Output) != "" {
				t.Logf("guest: %s", strings.TrimSpace(e.Output))
			}
			continue
		}
		take(results, e)
		if results[e.Test].verdict == "" {
			continue
		}
		t.Logf("guest: %s %s (%.1f s)", e.Action, e.Test, e.Elapsed)
		if e.Action == "fail" {
			t.Log(results[e.Test].output.String())
		}
		if !strings.Contains(e.Test, "/") {
			replay(t, results, e.Test)
		}
	}
}

// take notes what an event says of a test.
func take(results map[string]*result, e event) {
	r := results[e.Test]
	if r == nil {
		r = &result{}
		results[e.Test] = r
		if parent := results[path.Dir(e.Test)]; parent != nil {
			parent.subs = append(parent.subs, e.Test)
		}
	}
	switch e.Action {
	case "output":
		if !strings.HasPrefix(e.Output, "=== ") && !strings.HasPrefix(strings.TrimSpace(e.Output), "--- ") {
			r.output.WriteString(e.Output)
		}
	case "pass", "fail", "skip":
		r.verdict, r.elapsed = e.Action, e.Elapsed
	}
}

// replay runs a subtest that comes out as a test in the guest did.
func replay(t *testing.T, results map[string]*result, name string) {
	r := results[name]
	t.Run(path.Base(name), func(t *testing.T) {
		t.Log(fmt.Sprintf("%.1f s in the guest\n", r.elapsed) + r.output.String())
		for _, sub := range r.subs {
			replay(t, results, sub)
		}
		switch r.verdict {
		case "pass":
		case "skip":
			t.Skip("skipped in the guest")
		default:
			t.Fail()
		}
	})
}

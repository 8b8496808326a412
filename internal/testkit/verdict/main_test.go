package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"announcer/internal/testkit/skip"
)

func TestReport(t *testing.T) {
	const good = `
{"Action":"output","Package":"a","Test":"TestGood","Output":"=== RUN   TestGood\n"}
{"Action":"output","Package":"a","Test":"TestGood","Output":"    a_test.go:3: chatter\n"}
{"Action":"pass","Package":"a","Test":"TestGood"}
{"Action":"output","Package":"a","Output":"PASS\n"}
{"Action":"output","Package":"a","Output":"ok  \ta\t0.1s\n"}
{"Action":"pass","Package":"a"}
{"Action":"output","Package":"none","Output":"?   \tnone\t[no test files]\n"}
{"Action":"skip","Package":"none"}
`
	const skips = good + `
{"Action":"output","Package":"b","Test":"TestPeer/one","Output":"=== RUN   TestPeer/one\n"}
{"Action":"output","Package":"b","Test":"TestPeer/one","Output":"    b_test.go:7: no peer; install it\n"}
{"Action":"output","Package":"b","Test":"TestPeer/one","Output":"--- SKIP: TestPeer/one (0.00s)\n"}
{"Action":"skip","Package":"b","Test":"TestPeer/one"}
{"Action":"output","Package":"b","Test":"TestOther","Output":"    b_test.go:9: no network\n"}
{"Action":"skip","Package":"b","Test":"TestOther"}
{"Action":"output","Package":"b","Test":"TestPeer/two","Output":"    b_test.go:7: no peer; install it\n"}
{"Action":"skip","Package":"b","Test":"TestPeer/two"}
{"Action":"skip","Package":"b","Test":"TestSilent"}
{"Action":"pass","Package":"b","Test":"TestPeer"}
{"Action":"pass","Package":"b"}
`
	const corpus = good + `
{"Action":"output","Package":"b","Test":"TestCorpus","Output":"    b_test.go:7: ` + skip.NoCorpus + `\n"}
{"Action":"skip","Package":"b","Test":"TestCorpus"}
{"Action":"pass","Package":"b"}
`
	const goodOut = "ok  \ta\t0.1s\n?   \tnone\t[no test files]\n"
	for _, test := range []struct {
		name, in, out, err string
		noSkip             bool
	}{
		{"all pass", good, goodOut, "", true},
		{"nothing at all", "", "", "FAIL: no test ran", false},
		{"a failure with its output, and none of its neighbour's", good + `
{"Action":"output","Package":"b","Test":"TestBad","Output":"=== RUN   TestBad\n"}
{"Action":"output","Package":"b","Test":"TestBad/sub","Output":"    b_test.go:7: wrong\n"}
{"Action":"output","Package":"b","Test":"TestBad/sub","Output":"--- FAIL: TestBad/sub (0.00s)\n"}
{"Action":"fail","Package":"b","Test":"TestBad/sub"}
{"Action":"output","Package":"b","Test":"TestBad/good","Output":"    b_test.go:9: chatter\n"}
{"Action":"pass","Package":"b","Test":"TestBad/good"}
{"Action":"output","Package":"b","Test":"TestBad","Output":"--- FAIL: TestBad (0.00s)\n"}
{"Action":"fail","Package":"b","Test":"TestBad"}
{"Action":"output","Package":"b","Output":"FAIL\tb\t0.1s\n"}
{"Action":"fail","Package":"b"}
`, goodOut + "    b_test.go:7: wrong\n--- FAIL: TestBad/sub (0.00s)\n--- FAIL: TestBad (0.00s)\nFAIL\tb\t0.1s\n",
			"FAIL: 1 packages", false},
		{"skipped tests", skips, goodOut + "4 tests were skipped: no peer; install it (2); no network (1); no reason (1)\n", "", false},
		{"skipped tests where none may be", skips, goodOut, "FAIL: 4 tests were skipped:\n" +
			"b TestOther:\n    b_test.go:9: no network\n" +
			"b TestPeer/one:\n    b_test.go:7: no peer; install it\n--- SKIP: TestPeer/one (0.00s)\n" +
			"b TestPeer/two:\n    b_test.go:7: no peer; install it\n" +
			"b TestSilent:\n", true},
		{"no corpus, which is no part of the project", corpus, goodOut + "1 tests were skipped: " + skip.NoCorpus + " (1)\n", "", true},
		{"no corpus, and no peer", corpus + skips, goodOut + goodOut, "FAIL: 4 tests were skipped:\n" +
			"b TestOther:\n    b_test.go:9: no network\n" +
			"b TestPeer/one:\n    b_test.go:7: no peer; install it\n--- SKIP: TestPeer/one (0.00s)\n" +
			"b TestPeer/two:\n    b_test.go:7: no peer; install it\n" +
			"b TestSilent:\n", true},
		{"a program that died", good + `
{"Action":"output","Package":"b","Test":"TestDies","Output":"panic: oh\n"}
{"Action":"output","Package":"b","Output":"FAIL\tb\t0.1s\n"}
{"Action":"fail","Package":"b"}
`, goodOut + "FAIL\tb\t0.1s\npanic: oh\n", "FAIL: 1 packages", false},
		{"a package that doesn't build", `
{"ImportPath":"b","Action":"build-output","Output":"b.go:1: syntax error\n"}
{"ImportPath":"b","Action":"build-fail"}
{"Action":"fail","Package":"b"}
`, "b.go:1: syntax error\n", "FAIL: 1 packages", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out strings.Builder
			err := report(strings.NewReader(test.in), &out, test.noSkip)
			if diff := cmp.Diff(test.out, out.String()); diff != "" {
				t.Errorf("output (-want +got):\n%s", diff)
			}
			got := ""
			if err != nil {
				got = err.Error()
			}
			if got != test.err {
				t.Errorf("error %q, want %q", got, test.err)
			}
		})
	}
	if err := report(strings.NewReader("make: oh\n"), &strings.Builder{}, false); err == nil {
		t.Error("what is not JSON passes")
	}
}

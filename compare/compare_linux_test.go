package compare

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"announcer/internal/testkit/built"
	"announcer/internal/testkit/conformance"
	"announcer/internal/testkit/netlab"
)

var (
	doc     = flag.String("doc", "", "file to write the comparison to (Markdown)")
	newOnly = flag.Bool("new", false, "run only the checks that the file does not list; the others keep their verdicts")
)

const (
	cables = 128                   // checks that run at a time; they do little but wait
	slack  = 50 * time.Millisecond // of the machine
	rounds = 3                     // for a check to pass in, since the machine may be slower than that for a moment
)

func TestMain(m *testing.M) {
	if fetched, err := filepath.Abs("../.test-deps/bin"); err == nil {
		os.Setenv("PATH", fetched+":"+os.Getenv("PATH"))
	}
	netlab.Main(m)
}

// TestAnnouncerPassesWhatOthersPass runs the suite against announcer and its peers, and writes the comparison.
func TestAnnouncerPassesWhatOthersPass(t *testing.T) {
	if *doc == "" {
		t.Skip("it takes minutes; make compare runs it")
	}
	netlab.Need(t)
	peer := filepath.Join(t.TempDir(), "peer")
	output(t, "go", "build", "-o", peer, "./peer")
	versions := strings.Fields(output(t, peer, "versions"))
	competitors := []competitor{
		{"announcer", "", conformance.Announcer{Path: built.Announcer(t, "..")}, nil},
		{"avahi-daemon", "Debian's " + strings.TrimSpace(output(t, "avahi-daemon", "--version")), avahi{}, nil},
		{"zeroconf", moduleIn(t, versions, "github.com/grandcat/zeroconf"), library{peer, "zeroconf"}, nil},
		{"dnssd", moduleIn(t, versions, "github.com/brutella/dnssd"), library{peer, "dnssd"}, nil},
	}
	checks, known := conformance.Checks(), rows{}
	if *newOnly {
		known = readRows(t, *doc)
		checks = known.missing(checks)
	}
	on := conformance.NewCables(t, cables, slack)
	for i := range competitors {
		c := &competitors[i]
		began := time.Now()
		ran := conformance.RunProgram(t, c.program, checks, on, rounds)
		c.results = known.with(i, ran)
		t.Logf("%s passes %d of %d, in %v", c.name, c.passed(), len(c.results), time.Since(began).Round(time.Second))
		for _, r := range ran {
			if r.Verdict != conformance.Pass {
				t.Logf("%s: %v", c.name, r)
			}
		}
	}
	if err := os.WriteFile(*doc, []byte(table(competitors)), 0o644); err != nil {
		t.Fatal(err)
	}
	checkNobodyIsBetter(t, competitors)
}

// checkNobodyIsBetter fails where a peer passes a check that announcer does not.
func checkNobodyIsBetter(t *testing.T, competitors []competitor) {
	t.Helper()
	for i, ours := range competitors[0].results {
		for _, c := range competitors[1:] {
			if ours.Verdict != conformance.Pass && c.results[i].Verdict == conformance.Pass {
				t.Errorf("%s passes what announcer does not: %v", c.name, ours)
			}
		}
	}
}

func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// moduleIn returns "MODULE VERSION" out of such pairs.
func moduleIn(t *testing.T, versions []string, module string) string {
	t.Helper()
	for i, word := range versions {
		if word == module && i+1 < len(versions) {
			return module + " " + versions[i+1]
		}
	}
	t.Fatalf("no version of %s in %v", module, versions)
	return ""
}

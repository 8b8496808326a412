package compare

import (
	"fmt"
	"strings"

	"announcer/internal/testkit/conformance"
)

// competitor is a program with its results.
type competitor struct {
	name    string
	version string // "" for announcer itself
	program conformance.Program
	results []conformance.Result // by IPv4, then as many by IPv6
}

func (c competitor) passed() int {
	return c.count(conformance.Pass)
}

func (c competitor) count(v conformance.Verdict) int {
	n := 0
	for _, r := range c.results {
		if r.Verdict == v {
			n++
		}
	}
	return n
}

const intro = `# Conformance

What announcer and others of its kind do, rule by rule of RFC 6762 and RFC 6763, seen from outside: each check starts the
program afresh on one end of a cable, sends it raw packets from the other end, and looks at what comes back and when.
` + "`make compare`" + ` measures all of them and writes this file; ` + "`make compare NEW=1`" + ` measures the rules that it lacks. It fails where
another passes a check that announcer does not.

`

const legend = `
A cell holds the verdict by IPv4, then that by IPv6 where it is another one. "n/a" is what can't be seen from outside (when
a program is ready for its first packet), or can't be told to the program. What the RFC gives a time for may be 50 ms late. A
check that fails is run twice more, and the best run counts. avahi-daemon runs with Debian's configuration, by which it
publishes no IPv4 addresses by IPv6. A sleep is a SIGSTOP; a restart is a SIGTERM, for announcer a SIGUSR1 as in its unit, and a
start.

`

// table writes a comparison as Markdown.
func table(competitors []competitor) string {
	var b strings.Builder
	b.WriteString(intro)
	head, rule := "| section | rule |", "|---|---|"
	b.WriteString("| | version | pass | fail | n/a |\n|---|---|---|---|---|\n")
	for _, c := range competitors {
		version := c.version
		if version == "" {
			version = "this one"
		}
		fmt.Fprintf(&b, "| %s | %s | %d | %d | %d |\n", c.name, version, c.passed(), c.count(conformance.Fail), c.count(conformance.NotApplicable))
		head += " " + c.name + " |"
		rule += "---|"
	}
	b.WriteString(legend + head + "\n" + rule + "\n")
	for i, check := range conformance.Checks() {
		fmt.Fprintf(&b, "| %s | %s |", check.Section, check.Rule)
		for _, c := range competitors {
			fmt.Fprintf(&b, " %s |", cell(c.results[i].Verdict, c.results[len(c.results)/2+i].Verdict))
		}
		b.WriteString("\n")
	}
	return b.String()
}

func cell(v4, v6 conformance.Verdict) string {
	if v4 == v6 {
		return v4.String()
	}
	return v4.String() + ", " + v6.String()
}

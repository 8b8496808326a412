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

How announcer and other mDNS responders follow the rules of RFC 6762 and RFC 6763. Each check starts the program on one end of
a cable, sends raw packets from the other end, and checks the packets that come back, and their times. ` + "`make compare`" + ` runs all
checks and writes this file; ` + "`make compare NEW=1`" + ` runs the checks that are missing here. It fails if another program passes a
check that announcer fails.

`

const legend = `
A cell has the verdict by IPv4, and the verdict by IPv6 if it differs.

- "n/a": the rule can't be observed from outside, such as when a program is ready for its first packet, or the program has no
  setting for it.
- A packet may be 50 ms later than the RFC requires.
- A check that fails is run twice more, and the best run counts.
- avahi-daemon runs with Debian's configuration, which publishes no IPv4 addresses by IPv6.
- A sleep is a SIGSTOP. A restart is a SIGTERM, for announcer a SIGUSR1 as in its unit, and a start.

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

package main

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/sync/errgroup"

	"announcer/internal/diag"
	"announcer/internal/dnsname"
	"announcer/internal/escape"
	"announcer/internal/mdns"
	"announcer/internal/mdns/browse"
	"announcer/internal/mdns/stranger"
	"announcer/internal/netwatch"
	"announcer/internal/publication"
	"announcer/services"
)

func verifyCommand() *cli.Command {
	return command(cli.Command{
		Name:      "verify",
		Usage:     "compare what the network announces with the definitions",
		ArgsUsage: "PATH...",
		UsageText: "announcer verify [FILE | DIR | URL]...\n" +
			"announcer verify --host NAME [--address ADDRESS]... [FILE | DIR | URL]...",
		Description: "Reports for each service whether it is ok, missing, or differs, and which other hosts announce " + phoneType.String() +
			". Prints problems of definitions that are announced as announcer validate does. " +
			"Without arguments it takes what announcer run would read. Exits with 1 unless every service is ok and phones can use it. " +
			"It works on any machine of the link. The host name and the addresses of a service that names no host are compared if this host announces it, or with --host.",
		Flags: append(definitionFlags(),
			&cli.StringFlag{Name: "host", Usage: "compare with what the host `NAME`, such as pbx.local, must announce"},
			&cli.StringSliceFlag{Name: "address", Usage: "with --host: the host must have `ADDRESS`; may be repeated"},
			waitFlag(), jsonFlag(),
		),
		Action: verify,
	})
}

func verify(c *cli.Context) error {
	other, err := otherHost(c)
	if err != nil {
		return err
	}
	snap, err := loadSome(c, sourceRequest(c, c.Args().Slice()...))
	if err != nil {
		return err
	}
	links, err := netwatch.Read()
	if err != nil {
		return err
	}
	desired, assumed := snap.Desired(links)
	if err := chosenLinks(desired, assumed, c.App.ErrWriter); err != nil {
		return err
	}
	findings := allFindings(snap, desired, c.App.ErrWriter)
	ctx, cancel := context.WithTimeout(c.Context, c.Duration("wait"))
	defer cancel()
	want := expected(desired, other)
	got, err := look(ctx, questionsFor(want), desired.Links)
	if err != nil {
		return err
	}
	results := slices.DeleteFunc(browse.Compare(want, got, addressesOf(links)), harmless)
	if c.Bool("json") {
		err = escape.WriteJSON(c.App.Writer, verdicts(results, findings))
	} else {
		err = printVerdicts(c, results)
	}
	isWrong := func(r browse.Result) bool { return r.Verdict != browse.OK }
	if err == nil && (slices.ContainsFunc(results, isWrong) || len(findings.Problems()) > 0) {
		return silent(exitFailed)
	}
	return err
}

// announcingHost is the host whose services are verified.
type announcingHost struct {
	label string       // "": this host
	addrs []netip.Addr // empty: unknown
}

// otherHost returns the host of --host.
func otherHost(c *cli.Context) (h announcingHost, err error) {
	if text := c.String("host"); c.IsSet("host") {
		if h.label, err = hostLabel(text); err != nil {
			return h, usagef("--host: %w", err)
		}
	}
	h.addrs, err = addressFlags(c)
	if err == nil && h.addrs != nil && h.label == "" {
		err = usagef("--address: no host has the address; want --host NAME, too")
	}
	return h, err
}

// hostLabel returns "pbx" of "pbx.local" or "pbx".
func hostLabel(text string) (string, error) {
	if !strings.Contains(text, ".") {
		text += "." + dnsname.Local.String()
	}
	name, err := services.ParseHost(text)
	if err == nil && !name.Parent().Equal(dnsname.Local) {
		err = fmt.Errorf("%q is not a name by multicast DNS; want one such as pbx.local", text)
	}
	if err != nil {
		return "", err
	}
	return name.Label(), nil
}

// expected returns what should be found. Another host has other links and addresses than this one.
func expected(desired publication.Desired, other announcingHost) []browse.Expected {
	if other.label == "" || other.addrs == nil && mdns.HostName(other.label).Equal(mdns.HostName(desired.Host)) {
		want := browse.Expect(desired.Host, mdns.Settle(desired, nil))
		for i := range want {
			want[i].Assumed = want[i].Assumed && other.label == ""
		}
		return want
	}
	desired.Host, desired.Groups = other.label, slices.Clone(desired.Groups)
	for i, p := range desired.Groups {
		if p.OnNone(desired.Links) {
			desired.Groups[i].Interfaces = nil
		}
	}
	want := browse.Expect(desired.Host, mdns.Settle(desired, nil))
	for i := range want {
		if want[i].Assumed {
			want[i].Assumed, want[i].Partial, want[i].Addrs = false, true, browse.Sorted(slices.Clone(other.addrs))
		}
	}
	return want
}

// addressesOf returns all addresses of links.
func addressesOf(links []publication.Link) []netip.Addr {
	var all []netip.Addr
	for _, l := range links {
		for _, a := range l.Addrs {
			all = append(all, a.Addr().WithZone(""))
		}
	}
	return all
}

// look asks with two clients: ours, which knows who says what, and one that knows nothing of announcer.
func look(ctx context.Context, questions []browse.Question, links []publication.Link) ([]browse.Entry, error) {
	var both errgroup.Group
	var ours []browse.Entry
	strangers := make([][]browse.Entry, len(questions))
	both.Go(func() (err error) {
		ours, err = browse.Services(ctx, questions, links)
		ours = browse.WithMACs(ours, netwatch.MACs())
		return err
	})
	for i, q := range questions {
		both.Go(func() (err error) {
			strangers[i], err = stranger.Services(ctx, q, links)
			return err
		})
	}
	err := both.Wait()
	return browse.Union(ours, slices.Concat(strangers...)), err
}

// questionsFor returns what to ask: every type that is expected, and always that of the phones.
func questionsFor(want []browse.Expected) []browse.Question {
	questions := []browse.Question{{Type: phoneType, Domain: dnsname.Local}}
	for _, w := range want {
		if !slices.ContainsFunc(questions, func(q browse.Question) bool { return q.Type.Equal(w.Type) && q.Domain.Equal(w.Domain) }) {
			questions = append(questions, browse.Question{Type: w.Type, Domain: w.Domain})
		}
	}
	return questions
}

// harmless reports whether a result is about another host's service that phones ignore, or one that only the client that
// hears no goodbyes has found.
func harmless(r browse.Result) bool {
	return r.Verdict == browse.Foreign && (!r.Found.Type.Equal(phoneType) || r.Found.From == nil)
}

func printVerdicts(c *cli.Context, results []browse.Result) error {
	var rows [][]string
	for _, r := range results {
		e := entryOf(r)
		rows = append(rows, []string{r.Verdict.String(), e.Instance, e.Type.String(), e.Link, detail(r)})
	}
	return table(c.App.Writer, "RESULT NAME TYPE INTERFACE DETAIL", rows)
}

// entryOf returns the entry that a result is about: the expected one or, if it is foreign, the one found. What the
// definition does not name is as it was found.
func entryOf(r browse.Result) browse.Entry {
	if r.Expected == nil {
		return *r.Found
	}
	e := r.Expected.Entry
	if r.Expected.Assumed && r.Found != nil && r.Differences == nil {
		e.Host, e.Addrs, e.From = r.Found.Host, r.Found.Addrs, r.Found.From
	}
	return e
}

func detail(r browse.Result) string {
	switch r.Verdict {
	case browse.OK:
		text := "as in " + r.Expected.ID
		if !r.Found.Host.Equal(r.Expected.Host) { // only where the definition names none
			text += fmt.Sprintf(", announced by %s as %s", senders(r.Found.From), server(*r.Found))
		}
		return text
	case browse.Missing:
		return "no host answers for the service in " + r.Expected.ID
	case browse.Foreign:
		return fmt.Sprintf("announced by %s as %s (%s); phones that find two servers ask a person", senders(r.Found.From), server(*r.Found), addresses(r.Found.Addrs))
	}
	var words []string
	for _, d := range r.Differences {
		words = append(words, fmt.Sprintf("%s is %s, and %s in %s", d.Field, d.Got, d.Want, r.Expected.ID))
	}
	return strings.Join(append(words, "announced by "+senders(r.Found.From)), "; ")
}

// senders names the hosts that announce something.
func senders(from []browse.Sender) string {
	var words []string
	for _, f := range from {
		words = append(words, f.String())
	}
	return cmp.Or(strings.Join(words, ", "), "an unknown host")
}

func verdicts(results []browse.Result, findings diag.Findings) verifyOutput {
	all := []verdict{}
	for _, r := range results {
		v := verdict{Result: r.Verdict, Service: shown([]browse.Entry{entryOf(r)})[0], Differences: r.Differences}
		if r.Expected != nil {
			v.File = r.Expected.ID
		}
		all = append(all, v)
	}
	return verifyOutput{formatVersion, all, append(diag.Findings{}, findings...)}
}

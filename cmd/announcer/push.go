package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"announcer/internal/diag"
	"announcer/internal/escape"
	"announcer/internal/fleet"
	"announcer/internal/publication"
	"announcer/internal/source"
	"announcer/internal/validate"
)

// maxBatch is the most sites that are written before their hosts are waited for.
const maxBatch = 10_000

func pushCommand() *cli.Command {
	return command(cli.Command{
		Name:      "push",
		Usage:     "roll definitions out to sites, batch by batch, until a host has a problem",
		ArgsUsage: "FILE...",
		UsageText: "announcer push --site SITE... [--batch NUMBER] [--dry-run] FILE...\n" +
			"announcer push --site SITE... [--dry-run] --delete NAME...\n" +
			"announcer push --site SITE... [--dry-run] --undo",
		Description: "Checks the files as announcer validate does, and shows what changes at which sites. Then it writes them to etcd, a batch of sites at a time: " +
			"each site as a whole, and only if nothing of it has changed since. After each batch it waits until every host that reports has taken the definitions without a new problem. " +
			"If one has not, it stops and exits with 1; the sites of the batches so far keep the new definitions. The same command goes on from there, and --undo brings back the former definitions. " +
			"Exits with 3 if a definition is wrong; then nothing is written.",
		Flags: append(fleetFlags("write to the sites whose names match `SITE`, such as berlin or de-*; may be repeated; a name without wildcards may be a new one; common/ stands for the definitions of all sites"),
			&cli.StringSliceFlag{Name: "delete", Usage: "delete the definition `NAME`, such as old.service; may be repeated"},
			&cli.BoolFlag{Name: "undo", Usage: "bring back the definitions from before the last push to these sites"},
			&cli.IntFlag{Name: "batch", Usage: "write `NUMBER` sites before their hosts are waited for", Value: 10},
			timeFlag(cli.DurationFlag{Name: "wait", Usage: "wait `TIME` for the hosts of a batch", Value: time.Minute}),
			&cli.BoolFlag{Name: "dry-run", Usage: "only print what would change"},
		),
		Action: push,
	})
}

func push(c *cli.Context) error {
	if err := checkPush(c); err != nil {
		return err
	}
	wanted, err := pushed(c)
	if err != nil {
		return err
	}
	store, root, err := openStore(c)
	if err != nil {
		return err
	}
	defer store.Close()
	f, err := inTime(c.Context, func(ctx context.Context) (fleet.Fleet, error) { return fleet.Read(ctx, store, root) })
	if err != nil {
		return err
	}
	plan, err := planned(c, f, wanted)
	if err != nil {
		return err
	}
	if err := checkSites(c, plan); err != nil {
		return err
	}
	if err := printPlan(c, plan); err != nil || c.Bool("dry-run") || len(plan.Sites)+len(plan.Earlier) == 0 {
		return err
	}
	return rollOut(c, fleet.Rollout{Store: store, Root: root, Batch: c.Int("batch"), Wait: c.Duration("wait")}, f, plan)
}

// checkPush reports flags that do not fit together.
func checkPush(c *cli.Context) error {
	names, deleted := c.Args().Slice(), c.StringSlice("delete")
	switch {
	case !c.IsSet("site"):
		return usagef("push: no site is named; want --site SITE, such as --site berlin or --site '*'")
	case c.Bool("undo") && (len(names) > 0 || len(deleted) > 0):
		return usagef("push: --undo takes the definitions from before the last push; want no files and no --delete")
	case !c.Bool("undo") && len(names) == 0 && len(deleted) == 0:
		return usagef("push: there is nothing to push; want files, --delete NAME or --undo")
	case c.Int("batch") < 1 || c.Int("batch") > maxBatch:
		return usagef("--batch: %d; want from 1 to %d", c.Int("batch"), maxBatch)
	}
	return nil
}

// pushed returns what the arguments ask to be pushed, if it is free of errors.
func pushed(c *cli.Context) (fleet.Push, error) {
	p := fleet.Push{Files: map[string][]byte{}, Delete: c.StringSlice("delete")}
	byPath := map[string][]byte{}
	for _, path := range c.Args().Slice() {
		name := filepath.Base(path)
		if !source.IsDefinition(name) {
			return p, usagef("push: %s is not a definition file; want NAME.service or NAME.toml", path)
		}
		if _, twice := p.Files[name]; twice || slices.Contains(p.Delete, name) {
			return p, usagef("push: %s is named twice; want each name once", name)
		}
		data, err := source.ReadFile(path)
		if err != nil {
			return p, fmt.Errorf("%s can't be read: %w", path, err)
		}
		p.Files[name], byPath[path] = data, data
	}
	findings := validate.Contents(byPath, pushOptions()).Findings
	printFindings(c.App.ErrWriter, findings)
	if findings.Err() != nil {
		return p, &exitError{exitInvalid, errors.New("nothing is pushed")}
	}
	return p, nil
}

func pushOptions() validate.Options {
	return validate.Options{Engine: publication.Engines()[0], Host: source.HostName()}
}

// planned returns what changes at the sites of the flags.
func planned(c *cli.Context, f fleet.Fleet, wanted fleet.Push) (fleet.Plan, error) {
	globs := c.StringSlice("site")
	if c.Bool("undo") {
		return f.PlanUndo(globs, time.Now())
	}
	sites, err := f.Choose(globs, len(wanted.Files) == 0)
	if err != nil {
		return fleet.Plan{}, err
	}
	return f.Plan(wanted, sites, time.Now())
}

// checkSites checks all definitions of each site together, as they are after a push, and prints what is wrong with them
// and was not before. Sites with the same definitions are checked once.
func checkSites(c *cli.Context, plan fleet.Plan) error {
	type pair struct{ before, after string }
	seen := map[pair]bool{}
	faulty := false
	for _, site := range plan.Sites {
		key := pair{fmt.Sprint(site.Was), fmt.Sprint(site.Files)}
		if seen[key] {
			continue
		}
		seen[key] = true
		findings := newFindings(site)
		faulty = faulty || findings.Err() != nil
		for _, found := range findings {
			escape.Fprintf(c.App.ErrWriter, "at %s: %s\n", site.Site, found)
		}
	}
	if faulty && !c.Bool("undo") {
		return &exitError{exitInvalid, errors.New("nothing is pushed")}
	}
	return nil
}

// newFindings returns what is wrong with the definitions of a site after a push, and was not before.
func newFindings(site fleet.SitePlan) diag.Findings {
	before := validate.Contents(site.Was, pushOptions()).Findings
	after := validate.Contents(site.Files, pushOptions()).Findings
	return slices.DeleteFunc(after, func(f diag.Finding) bool { return slices.Contains(before, f) })
}

// printPlan prints each edit once, with the sites at which it is made.
func printPlan(c *cli.Context, plan fleet.Plan) error {
	type same struct{ name, old, new string }
	var order []same
	edits, sites := map[same]fleet.Edit{}, map[same][]string{}
	for _, site := range plan.Sites {
		for _, e := range site.Edits {
			key := same{e.Name, string(e.Old), string(e.New)}
			if _, known := edits[key]; !known {
				order, edits[key] = append(order, key), e
			}
			sites[key] = append(sites[key], site.Site)
		}
	}
	for _, key := range order {
		e := edits[key]
		escape.Fprintf(c.App.Writer, "%s: %s at %s\n", e.Name, doing(e), siteNames(sites[key]))
		for _, line := range e.Diff() {
			escape.Fprintf(c.App.Writer, "%s\n", line)
		}
	}
	text := count(len(plan.Sites), "site") + " to write"
	if n := len(plan.Unchanged); n > 0 {
		text += fmt.Sprintf(", %d unchanged", n)
	}
	_, err := escape.Fprintf(c.App.Writer, "%s\n", text)
	return err
}

// doing returns what an edit does with its file.
func doing(e fleet.Edit) string {
	switch {
	case e.Old == nil:
		return "added"
	case e.New == nil:
		return "deleted"
	}
	return "changed"
}

// siteNamesMost is the most sites that are named.
const siteNamesMost = 5

// siteNames returns "2 sites (berlin, bonn)".
func siteNames(names []string) string {
	shown := slices.Clone(names)
	if more := len(names) - siteNamesMost; more > 0 {
		shown = append(shown[:siteNamesMost], fmt.Sprintf("and %d more", more))
	}
	return fmt.Sprintf("%s (%s)", count(len(names), "site"), strings.Join(shown, ", "))
}

// rollOut writes a plan, and shows how far it is.
func rollOut(c *cli.Context, r fleet.Rollout, f fleet.Fleet, plan fleet.Plan) error {
	show := newRolloutProgress(c)
	r.Progress = show.step
	err := r.Run(c.Context, f, plan)
	show.clear()
	if err == nil && len(plan.Sites) > 0 {
		_, err = escape.Fprintf(c.App.Writer, "%s written\n", count(len(plan.Sites), "site"))
	}
	if err == nil {
		return err
	}
	stopped, ok := errors.AsType[*fleet.StoppedError](err)
	if ok && (stopped.Sites > 0 || stopped.Batch == 0) && !c.Bool("undo") {
		escape.Fprintf(faults(c), "announcer: %s\nannouncer: this brings back the former definitions: %s\n", err, undoCommand(c))
		return silent(exitFailed)
	}
	return err
}

// undoCommand returns the command that undoes a push.
func undoCommand(c *cli.Context) string {
	words := []string{"announcer push --undo"}
	for _, name := range []string{"etcd", "config"} {
		if c.IsSet(name) {
			words = append(words, "--"+name+" "+quoted(c.String(name)))
		}
	}
	for _, glob := range c.StringSlice("site") {
		words = append(words, "--site "+quoted(glob))
	}
	return strings.Join(words, " ")
}

// quoted returns a word as a shell reads it.
func quoted(word string) string {
	plain := func(r rune) bool {
		return r == '-' || r == '.' || r == '/' || r == ':' || r == ',' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// rolloutProgress shows how far a rollout is: in a line on a terminal, elsewhere in a line for each batch.
type rolloutProgress struct {
	c          *cli.Context
	isTerminal bool
}

func newRolloutProgress(c *cli.Context) rolloutProgress {
	return rolloutProgress{c, isTerminal(c.App.Writer) && isTerminal(c.App.ErrWriter)}
}

func (p rolloutProgress) step(now fleet.Progress) {
	line := fmt.Sprintf("batch %d of %d: %d of %s written, %d of %s ready", now.Batch, now.Batches, now.Sites, count(now.Total, "site"), now.Taken, count(now.Hosts, "host"))
	if now.Batch == 0 {
		line = fmt.Sprintf("sites of an earlier run: %d of %s ready", now.Taken, count(now.Hosts, "host"))
	}
	switch {
	case p.isTerminal:
		p.clear()
		escape.Fprintf(p.c.App.ErrWriter, "%s", line)
	case now.Complete:
		escape.Fprintf(p.c.App.Writer, "%s\n", line)
	}
}

// clear removes the line from a terminal.
func (p rolloutProgress) clear() {
	if p.isTerminal {
		controlTerminal(p.c.App.ErrWriter, "\r\x1b[K")
	}
}

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"announcer/internal/escape"
	"announcer/internal/fleet"
)

func sitesCommand() *cli.Command {
	return command(cli.Command{
		Name:      "sites",
		Usage:     "show how the hosts of all sites stand: definitions taken, services, phones, problems",
		UsageText: "announcer sites [--site SITE]... [--watch] [--json]",
		Description: "Shows a row for each host that reports, and one for each site of which none does. Hosts report with report = true in [remote]. " +
			"--watch then prints each row that changes, until Ctrl-C; with --json, one object a line. Exits with 1 if something is wrong: " +
			"a site has no host that reports, or a host has problems or has not taken all definitions. docs/fleet.md describes fleets, docs/json.md the JSON.",
		Flags: append(fleetFlags("show the sites whose names match `SITE`, such as berlin or de-*; may be repeated (default: all)"),
			&cli.BoolFlag{Name: "watch", Usage: "go on and print what changes"},
			jsonFlag(),
		),
		Action: sites,
	})
}

func sites(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	store, root, err := openStore(c)
	if err != nil {
		return err
	}
	defer store.Close()
	if c.Bool("watch") {
		return watchSites(c, store, root)
	}
	f, err := inTime(c.Context, func(ctx context.Context) (fleet.Fleet, error) { return fleet.Read(ctx, store, root) })
	if err != nil {
		return err
	}
	rows, err := chosenRows(c, f)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		err = escape.WriteJSON(c.App.Writer, sitesOutput{formatVersion, f.Revision, rows})
	} else {
		err = printSites(c, rows)
	}
	if err == nil && slices.ContainsFunc(rows, wrong) {
		return silent(exitFailed)
	}
	return err
}

// wrong reports whether something is wrong with a host or site.
func wrong(r fleet.Row) bool { return len(r.Problems) > 0 }

// chosenRows returns the rows of the sites that the flags choose.
func chosenRows(c *cli.Context, f fleet.Fleet) ([]fleet.Row, error) {
	globs := c.StringSlice("site")
	if len(globs) == 0 {
		globs = []string{"*"}
	}
	names, err := f.Choose(globs, true)
	return f.Rows(names, time.Now()), err
}

func printSites(c *cli.Context, rows []fleet.Row) error {
	var cells [][]string
	for _, r := range rows {
		cells = append(cells, rowCells(r))
	}
	if err := table(c.App.Writer, "SITE HOST SINCE REVISION SERVICES PHONES PROBLEMS", cells); err != nil {
		return err
	}
	absent, bad := 0, 0
	for _, r := range rows {
		switch {
		case !r.Present:
			absent++
		case wrong(r):
			bad++
		}
	}
	_, err := escape.Fprintf(c.App.Writer, "%s: %d with problems; %s without a host that reports\n", count(len(rows)-absent, "host"), bad, count(absent, "site"))
	return err
}

// rowCells returns a row as it is shown.
func rowCells(r fleet.Row) []string {
	problems := "-"
	if n := len(r.Problems); n > 0 {
		problems = r.Problems[0]
		if n > 1 {
			problems += fmt.Sprintf(" (and %d more)", n-1)
		}
	}
	p := r.Presence
	if p == nil {
		return []string{r.Site, "-", "-", "-", "-", "-", problems}
	}
	revision, services := strconv.FormatInt(p.Revision, 10), strconv.Itoa(p.Services.Announced)
	if r.Behind > 0 {
		revision += fmt.Sprintf(" (%d behind)", r.Behind)
	}
	if p.Services.Announced < p.Services.Defined {
		services += fmt.Sprintf(" of %d", p.Services.Defined)
	}
	return []string{r.Site, r.Host, p.Since.Local().Format(time.DateTime), revision, services, strconv.Itoa(p.Phones), problems}
}

// watchSites prints all rows, and then each one that changes.
func watchSites(c *cli.Context, store fleet.Store, root fleet.Root) error {
	f, err := inTime(c.Context, func(ctx context.Context) (*fleet.Follower, error) { return fleet.Follow(ctx, c.Context, store, root) })
	if err != nil {
		return err
	}
	fmt.Fprintln(c.App.ErrWriter, "announcer: watching; Ctrl-C ends it")
	rows, err := chosenRows(c, f.Fleet)
	if err != nil {
		return err
	}
	shown := map[host]fleet.Row{}
	for {
		for _, row := range changedRows(shown, rows) {
			if err := printRow(c, row); err != nil {
				return err
			}
		}
		if err := f.Next(c.Context, c.Context); err != nil {
			return watchEnd(c, err)
		}
		rows, _ = chosenRows(c, f.Fleet) // none if the last site is gone
	}
}

// watchEnd returns the error of a watch that has ended, none if a signal ended it.
func watchEnd(c *cli.Context, err error) error {
	if c.Context.Err() != nil {
		return nil
	}
	return err
}

// host is a host of a site, "" for a site without one.
type host struct{ site, host string }

// changedRows returns the rows that differ from those that are shown, and one for each host that is gone. They count as
// shown from then on.
func changedRows(shown map[host]fleet.Row, rows []fleet.Row) []fleet.Row {
	var changed []fleet.Row
	now := map[host]bool{}
	for _, r := range rows {
		key := host{r.Site, r.Host}
		now[key] = true
		if !reflect.DeepEqual(shown[key], r) {
			changed, shown[key] = append(changed, r), r
		}
	}
	for key := range shown {
		if !now[key] {
			delete(shown, key)
			if key.host != "" {
				changed = append(changed, fleet.Row{Site: key.site, Host: key.host, Problems: []string{"it does not report any more"}})
			}
		}
	}
	slices.SortFunc(changed, func(a, b fleet.Row) int { return cmp.Or(cmp.Compare(a.Site, b.Site), cmp.Compare(a.Host, b.Host)) })
	return changed
}

// printRow prints a row that has changed on a line.
func printRow(c *cli.Context, r fleet.Row) error {
	if c.Bool("json") {
		return json.NewEncoder(escape.JSON(c.App.Writer)).Encode(siteOutput{formatVersion, r})
	}
	cells := rowCells(r)
	text := fmt.Sprintf("%s  %s/%s", time.Now().Format(time.TimeOnly), cells[0], cells[1])
	if r.Presence != nil {
		text += fmt.Sprintf("  revision %s, services: %s, phones: %s", cells[3], cells[4], cells[5])
	}
	if wrong(r) {
		text += ": " + cells[6]
	}
	_, err := escape.Fprintf(c.App.Writer, "%s\n", text)
	return err
}

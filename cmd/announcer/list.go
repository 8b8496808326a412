package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"announcer/internal/escape"
	"announcer/internal/layout"
	"announcer/internal/mdns"
	"announcer/internal/netwatch"
	"announcer/internal/publication"
)

func listCommand() *cli.Command {
	return command(cli.Command{
		Name:        "list",
		Usage:       "show what would be announced, on which interfaces and with which records",
		ArgsUsage:   "PATH...",
		UsageText:   "announcer list [--wire | --json] [FILE | DIR | URL]...",
		Description: "Lists definition files, directories of them, and URLs of them; without arguments, what announcer run would read. Announces nothing.",
		Flags: append(definitionFlags(),
			&cli.BoolFlag{Name: "wire", Usage: "show the records, per interface and IP version"},
			jsonFlag(),
		),
		Action: list,
	})
}

func list(c *cli.Context) error {
	snap, err := loadAll(c)
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
	allFindings(snap, desired, c.App.ErrWriter)
	instances := mdns.Settle(desired, nil)
	switch {
	case c.Bool("wire"):
		return listWire(c.App.Writer, desired, instances)
	case c.Bool("json"):
		return escape.WriteJSON(c.App.Writer, listed(desired, instances))
	}
	return listTable(c.App.Writer, desired, instances)
}

// table prints rows below headings, in columns that fit the terminal.
func table(w io.Writer, headings string, rows [][]string) error {
	return layout.Table(w, columnsOf(w), headings, rows)
}

func listed(d publication.Desired, instances []mdns.Instance) listOutput {
	all := []listedService{}
	for _, in := range instances {
		all = append(all, listedService{
			File: in.ID, Name: in.Label, Type: in.Service.Type.String(), Domain: in.Service.In().String(),
			Protocol: in.Service.Protocol.String(), Host: in.Target(mdns.HostName(d.Host)).String(),
			Port: in.Service.Port, Links: linkNames(in.Links), State: fate(in), Why: in.Why,
		})
	}
	return listOutput{formatVersion, all}
}

// fate returns what becomes of an instance: to be announced, or why not.
func fate(in mdns.Instance) string {
	switch {
	case in.State != mdns.Probing:
		return in.State.String()
	case len(in.Links) == 0:
		return "nowhere"
	}
	return "announce"
}

func linkNames(links []publication.Link) []string {
	names := []string{}
	for _, l := range links {
		names = append(names, l.Name)
	}
	return names
}

func listTable(w io.Writer, d publication.Desired, instances []mdns.Instance) error {
	var rows [][]string
	for _, in := range instances {
		host := in.Target(mdns.HostName(d.Host)).String()
		where := strings.Join(linkNames(in.Links), ",")
		if f := fate(in); f != "announce" {
			where = f
		}
		rows = append(rows, []string{in.Label, in.Service.Type.String(), fmt.Sprintf("%s:%d", host, in.Service.Port), where, in.ID})
	}
	if err := table(w, "NAME TYPE SERVER INTERFACES DEFINED-IN", rows); err != nil {
		return err
	}
	for _, in := range instances {
		if in.Why != "" {
			escape.Fprintf(w, "%s is %q: %s\n", in.Wanted, in.Label, in.Why)
		}
	}
	return nil
}

func listWire(w io.Writer, d publication.Desired, instances []mdns.Instance) error {
	for _, link := range d.Links {
		for _, v := range publication.IPVersions() {
			if !link.Has(v) {
				continue
			}
			escape.Fprintf(w, "; %s, IPv%d\n", link.Name, v)
			for _, r := range mdns.Records(d.Host, instances, link, v) {
				escape.Fprintf(w, "%s\n", r)
			}
		}
	}
	return nil
}

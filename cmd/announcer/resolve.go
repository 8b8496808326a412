package main

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	"announcer/internal/diag"
	"announcer/internal/mdns/browse"
)

func resolveCommand() *cli.Command {
	return command(cli.Command{
		Name:        "resolve",
		Usage:       "show one service: host, port, TXT and addresses",
		ArgsUsage:   "NAME TYPE",
		UsageText:   "announcer resolve NAME [TYPE]",
		Description: "The default type is " + phoneType.String() + ".",
		Flags:       clientFlags(),
		Action:      resolve,
	})
}

func resolve(c *cli.Context) error {
	if n := c.Args().Len(); n < 1 || n > 2 {
		return usagef("resolve: %d arguments; want a name and optionally a type, such as \"Front office PBX\" %s", n, phoneType)
	}
	q, err := asked(c, c.Args().Get(1))
	if err != nil {
		return err
	}
	links, err := clientLinks(c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Context, c.Duration("wait"))
	defer cancel()
	entry, err := browse.Resolve(ctx, c.Args().First(), q, links)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return printJSON(c.App.Writer, struct {
			Version int          `json:"version"`
			Service shownService `json:"service"`
		}{1, shown([]browse.Entry{entry})[0]})
	}
	fmt.Fprintf(c.App.Writer, "name       %s\ntype       %s\nserver     %s\naddresses  %s\ninterface  %s\n",
		diag.Printable(entry.Instance), entry.Type, server(entry), addresses(entry.Addrs), entry.Link)
	for _, t := range entry.TXT {
		fmt.Fprintf(c.App.Writer, "txt        %s\n", diag.Printable(t))
	}
	return nil
}

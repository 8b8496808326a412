package main

import (
	"context"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"announcer/internal/control"
	"announcer/internal/diagnosis"
	"announcer/internal/escape"
)

func doctorCommand() *cli.Command {
	return command(cli.Command{
		Name:      "doctor",
		Usage:     "find out why phones do not find their server",
		ArgsUsage: "PATH...",
		UsageText: "announcer doctor [--json] [FILE | DIR | URL]...",
		Description: "Goes from link to link and from step to step: the interface, its addresses, port 5353, multicast, the firewall, switches, VLANs, " +
			"servers of other hosts, phones, the daemon, the definitions and the servers that they name. Each line is ok, or says what is wrong and what to do. " +
			"It sends questions alone, works beside a daemon and without one, and takes at most 20 seconds more than --wait. " +
			"As root it sees more: the rules of the firewall, VLANs without an interface. " +
			"Exits with 0 if nothing is wrong, and with 1 if something is. docs/troubleshooting.md explains each line.",
		Flags:  append(definitionFlags(), socketFlag(), waitFlag(), jsonFlag()),
		Action: doctor,
	})
}

func doctor(c *cli.Context) error {
	request := sourceRequest(c, c.Args().Slice()...)
	found := diagnosis.Look(c.Context, diagnosis.Options{
		Request: request,
		Default: request.Optional,
		Sockets: control.Places(socketOf(c), os.Getenv),
		Root:    "/",
		Wait:    c.Duration("wait"),
		Lookup:  lookup(place),
	}).Findings()
	if c.Context.Err() != nil {
		return context.Cause(c.Context)
	}
	if err := printDiagnosis(c, found); err != nil {
		return err
	}
	if !diagnosis.IsHealthy(found) {
		return silent(exitFailed)
	}
	return nil
}

func printDiagnosis(c *cli.Context, found []diagnosis.Finding) error {
	if c.Bool("json") {
		return escape.WriteJSON(c.App.Writer, doctorOutput{formatVersion, diagnosis.IsHealthy(found), found})
	}
	var rows [][]string
	for _, f := range found {
		text := f.Text
		if f.Remedy != "" {
			text = strings.Join([]string{text, f.Remedy}, "; ")
		}
		rows = append(rows, []string{string(f.State), f.Link, string(f.Step), text})
	}
	return table(c.App.Writer, "RESULT INTERFACE STEP DETAIL", rows)
}

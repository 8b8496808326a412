package main

import (
	"errors"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"announcer/internal/diag"
	"announcer/internal/escape"
	"announcer/internal/mdns/engine"
	"announcer/internal/publication"
	"announcer/internal/source"
	"announcer/internal/validate"
)

// defaultConfig is read where neither --config nor definitions are given.
const defaultConfig = "/etc/announcer/announcer.toml"

// definitionFlags are those of the commands that work on what is defined.
func definitionFlags() []cli.Flag {
	return append(wireFlags(),
		&cli.StringFlag{Name: "config", Usage: "read the configuration `FILE` (default: " + defaultConfig + " unless --services is set)"},
		&cli.StringSliceFlag{Name: "services", Usage: "read definitions from `PATH`, a directory, a file or the URL of one; may be repeated, the first file of a name wins"},
	)
}

// wireFlags are those of the commands that announce.
func wireFlags() []cli.Flag {
	return []cli.Flag{
		interfaceFlag(),
		&cli.StringFlag{Name: "engine", Usage: "use `ENGINE` " + strings.Join(publication.Engines(), " or ") + " (default: that of the configuration, or " + publication.Engines()[0] + ")", Action: func(_ *cli.Context, name string) error {
			if err := engine.Check(name); err != nil {
				return usagef("--engine: %w", err)
			}
			return nil
		}},
	}
}

func interfaceFlag() cli.Flag {
	return &cli.StringSliceFlag{Name: "interface", Aliases: []string{"i"}, Usage: "use the interfaces that match `GLOB`; may be repeated (default: all except loopback, ports of bridges, tunnels, and those of containers and virtual machines)"}
}

// sourceRequest returns what the flags ask to be read; paths are definitions that were given as plain arguments.
func sourceRequest(c *cli.Context, paths ...string) source.Request {
	request := source.Request{
		ConfigFile: c.String("config"),
		Services:   append(c.StringSlice("services"), paths...),
		Interfaces: c.StringSlice("interface"),
		Engine:     c.String("engine"),
	}
	if request.ConfigFile == "" && len(request.Services) == 0 {
		request.ConfigFile, request.Optional = defaultConfig, true
	}
	return request
}

// usable reports an error if the configuration is unusable, and prints why.
func usable(snap source.Snapshot, stderr io.Writer) error {
	err := snap.Usable()
	if findings, ok := errors.AsType[diag.Findings](err); ok {
		printFindings(stderr, findings)
		return silent(exitInvalid)
	}
	return err
}

// loadAll reads all definitions for a command that does nothing if any of them is wrong.
func loadAll(c *cli.Context) (source.Snapshot, error) {
	return load(c, sourceRequest(c, c.Args().Slice()...))
}

// load is [loadAll] with a request.
func load(c *cli.Context, request source.Request) (source.Snapshot, error) {
	snap, err := source.Load(c.Context, request)
	if err != nil {
		return snap, err
	}
	if err := usable(snap, faults(c)); err != nil {
		return snap, err
	}
	if snap.Findings.Err() != nil {
		printFindings(faults(c), snap.Findings)
		return snap, silent(exitInvalid)
	}
	return snap, nil
}

// loadSome is [load] for a command that is mistaken if nothing is defined.
func loadSome(c *cli.Context, request source.Request) (source.Snapshot, error) {
	snap, err := load(c, request)
	if err != nil {
		return snap, err
	}
	if nothing := validate.Nothing(snap); nothing != nil {
		return snap, &exitError{exitInvalid, nothing}
	}
	return snap, nil
}

// allFindings prints and returns what is wrong with definitions that can be announced.
func allFindings(snap source.Snapshot, desired publication.Desired, stderr io.Writer) diag.Findings {
	findings := validate.List(snap.Findings, validate.Together(desired, snap.Config.Engine))
	printFindings(stderr, findings)
	return findings
}

func printFindings(w io.Writer, findings diag.Findings) {
	for _, f := range findings {
		escape.Fprintf(w, "%s\n", f)
	}
}

// chosenLinks prints what was assumed about the choice of links, and reports an error if none is chosen.
func chosenLinks(desired publication.Desired, assumed string, stderr io.Writer) error {
	if assumed != "" {
		escape.Fprintf(stderr, "announcer: %s\n", assumed)
	}
	if len(desired.Links) == 0 {
		return errors.New("no interface is usable; want --interface GLOB that matches one that is up (ip -brief address lists them)")
	}
	return nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"announcer/internal/config"
	"announcer/internal/diag"
	"announcer/internal/dnsname"
	"announcer/internal/escape"
	"announcer/internal/limit"
	"announcer/internal/mdns"
	"announcer/internal/mdns/engine"
	"announcer/internal/netwatch"
	"announcer/internal/oneshot"
	"announcer/internal/phones"
	"announcer/internal/preset"
	"announcer/internal/publication"
	"announcer/internal/sandbox"
	"announcer/internal/source"
	"announcer/services"
)

// exitOwnFailure distinguishes a failure of announcer from one of the command that we ran, as env(1) does.
const exitOwnFailure = 125

// countedBy explains what --until-seen and --until-done count.
const countedBy = "Hosts are counted by hardware address if it is known, else by address. A host that lies about both counts more than once."

func announceCommand() *cli.Command {
	return loggingCommand(cli.Command{
		Name:      "announce",
		Usage:     "announce once: until Ctrl-C, for a time, or while a command runs",
		ArgsUsage: "PATH...",
		UsageText: "announcer announce [FILE | DIR | URL]... [--for 10m] [-- COMMAND...]\n" +
			"announcer announce --preset dpma --server 10.1.2.3 [-- COMMAND...]\n" +
			"announcer announce --name NAME --type TYPE --port PORT [--txt STRING]...",
		Description: "Prints the name of each service once it is announced. Withdraws its services when it ends, also when the terminal closes. A second Ctrl-C does not wait for the command. " +
			"The command after -- starts when everything is announced, and its exit status is passed on: 126 or 127 if it can't be run, 125 if announcer itself fails. " +
			"With --for the command gets SIGTERM when the time is over, and the exit status is 124. With --until-seen announcer waits for the hosts, too, after the command has succeeded. " + countedBy,
		Flags: append(append(wireFlags(),
			forFlag("end after `TIME`, such as 10m"),
			&cli.IntFlag{Name: "until-seen", Usage: "end when `NUMBER` other hosts have asked and were answered; fail if --for ends first", DefaultText: "no limit"},
			&cli.StringFlag{Name: "on-conflict", Usage: "if the name is taken, apply `POLICY`: " + strings.Join(publication.PolicyWords(), ", "), Value: publication.DefaultPolicy.String()},
		), groupFlags()...),
		Action: announcing(announce, closedTerminal()...),
	}, "warn")
}

// groupFlags define one group.
func groupFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "preset", Usage: "announce the stock definition `PRESET`: " + strings.Join(preset.Presets(), ", ")},
		&cli.StringFlag{Name: "server", Usage: "presets dpma, switchvox: use the SIP server `HOST[:PORT]` (default port: 5060, with tls 5061)"},
		&cli.StringFlag{Name: "transport", Usage: "presets dpma, switchvox: use `TRANSPORT` udp, tcp or tls (default: udp)"},
		&cli.StringFlag{Name: "url", Usage: "preset firmware: use the files below `URL`"},
		&cli.StringFlag{Name: "firmware-version", Usage: "preset firmware: announce `VERSION` for all files, such as 2_8_1"},
		&cli.StringSliceFlag{Name: "file", Usage: "preset firmware: announce the file for a model below the URL, `MODEL=PATH`; may be repeated"},
		&cli.StringFlag{Name: "name", Usage: "announce the instance `NAME`, as shown to users"},
		&cli.StringFlag{Name: "type", Usage: "announce the service `TYPE`, such as _digiumproxy._udp"},
		&cli.UintFlag{Name: "port", Usage: "announce the server's `PORT`, 0 to 65535", DefaultText: "0, no port"},
		&cli.StringSliceFlag{Name: "txt", Usage: "add the TXT `STRING`, such as key=value; may be repeated"},
		&cli.StringSliceFlag{Name: "subtype", Usage: "add the `SUBTYPE`, such as _colour._sub._ipp._tcp; may be repeated"},
		&cli.StringFlag{Name: "protocol", Usage: "announce by `PROTOCOL` ipv4, ipv6 or any (default: any)"},
		&cli.StringFlag{Name: "domain", Usage: "publish in `DOMAIN` (default: local)"},
		&cli.StringFlag{Name: "host", Usage: "announce the host `NAME`, such as sw.local (default: this host)"},
		&cli.StringSliceFlag{Name: "address", Usage: "publish `ADDRESS` for the host of --host; may be repeated"},
	}
}

func announce(c *cli.Context) error {
	command, _ := c.App.Metadata[commandKey].([]string)
	err := announceWhile(c, command)
	if exit, ok := errors.AsType[*oneshot.Exit](err); ok {
		return &exitError{exit.Code, exit.Err}
	}
	if err != nil && len(command) > 0 {
		if failure, ok := errors.AsType[*exitError](err); ok {
			return &exitError{exitOwnFailure, failure.err}
		}
		return &exitError{exitOwnFailure, err}
	}
	return err
}

func announceWhile(c *cli.Context, command []string) error {
	log, err := newLogger(c, slog.LevelWarn.String(), "text")
	if err != nil {
		return err
	}
	snap, err := whatToAnnounce(c, func(rules func() sandbox.Rules) {
		if len(command) > 0 {
			log.Debug("not confined by Landlock", "reason", "the command would be, too")
			return
		}
		confine(rules).log(log)
	})
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
	if err := checkUntilSeen(c); err != nil {
		return err
	}
	publisher, err := engine.Open(snap.Config.Engine, log, netwatch.MAC)
	if err != nil {
		return err
	}
	if _, ok := publisher.(mdns.Observer); !ok && c.IsSet("until-seen") {
		return errors.Join(usagef("--until-seen: the engine %q does not report who asks; want --engine %s", snap.Config.Engine, config.Default().Engine), publisher.Abandon())
	}
	return oneshot.Announce(c.Context, publisher, desired, func(events []mdns.Event) { printAnnounced(c.App.Writer, events) }, func() error {
		if len(command) > 0 {
			return runAndWait(c, publisher, command)
		}
		return wait(c.Context, c, publisher)
	})
}

// checkUntilSeen returns an error if --until-seen has a wrong value.
func checkUntilSeen(c *cli.Context) error {
	if n := c.Int("until-seen"); n < 1 && c.IsSet("until-seen") {
		return usagef("--until-seen: %d hosts is out of range; want 1 or more", n)
	}
	return nil
}

// runAndWait runs the command, and reports what goes wrong in the meantime. With --until-seen it goes on after the command
// until enough hosts have asked. The time of --for is for both.
func runAndWait(c *cli.Context, publisher mdns.Publisher, command []string) error {
	ctx, stop := context.WithCancel(c.Context)
	defer stop()
	waited := make(chan error, 1)
	go func() { waited <- wait(ctx, c, publisher) }()
	err := oneshot.Run(over(c), command, c.Duration("for"))
	if err != nil || !c.IsSet("until-seen") {
		stop()
		<-waited
		return err
	}
	if err := <-waited; err != nil {
		return oneshot.Late(err)
	}
	return nil
}

// printAnnounced prints a line for each service and link, or one line for many at once.
func printAnnounced(out io.Writer, events []mdns.Event) {
	if len(events) > mdns.BulkMore {
		escape.Fprintf(out, "%s\n", mdns.Bulk(mdns.ServiceAnnounced, events))
		return
	}
	for _, e := range events {
		escape.Fprintf(out, "announced %s (%s) on %s\n", e.Name, e.Type, e.Link)
	}
}

// troubles are the kinds of events that are printed for services of all hosts.
var troubles = []mdns.EventKind{mdns.ServiceRefused, mdns.EngineFailed, mdns.Unreachable, mdns.Reachable}

// wait returns when ctx is done or, where these are given, when the time is over or enough hosts have asked. It reports
// what goes wrong in the meantime.
func wait(ctx context.Context, c *cli.Context, publisher mdns.Publisher) error {
	ctx, cancel := withLimit(ctx, c.Duration("for"))
	defer cancel()
	wanted := c.Int("until-seen")
	lines := limit.New(linesMost, linesMost, time.Minute)
	served := oneshot.Wait(ctx, publisher, wanted, netwatch.MACs, func(events []mdns.Event) {
		printTroubles(c.App.ErrWriter, events, lines)
	}, func(a phones.Asker, served int) {
		if wanted > 0 {
			escape.Fprintf(c.App.Writer, "%s asks for %s on %s; %d of %s answered\n", a.Who(), a.Type, a.Link, served, count(wanted, "host"))
		}
	})
	if excess, any := lines.Rest(); any {
		escape.Fprintf(c.App.ErrWriter, "announcer: %s\n", excess)
	}
	if served < wanted && c.Context.Err() == nil {
		return fmt.Errorf("%d of %d hosts have asked within %s", served, wanted, c.Duration("for"))
	}
	return nil
}

// linesMost is the number of lines that other hosts can cause in a minute.
const linesMost = 100

// printTroubles prints a line for each event about another host, and for each trouble, as the limit allows.
func printTroubles(out io.Writer, events []mdns.Event, lines *limit.Lines) {
	for _, e := range events {
		if !e.Rival.IsValid() && !slices.Contains(troubles, e.Kind) {
			continue
		}
		if excess, any := lines.Excess(time.Now()); any {
			escape.Fprintf(out, "announcer: %s\n", excess)
		}
		if lines.Admit(e.Link, time.Now()) {
			escape.Fprintf(out, "announcer: %s\n", e.String())
		}
	}
}

// withLimit returns a context that ends after a time, if there is one.
func withLimit(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if limit > 0 {
		return context.WithTimeout(ctx, limit)
	}
	return context.WithCancel(ctx)
}

// whatToAnnounce reads the files that are given, or makes the group that the flags define. It calls confined before it reads.
func whatToAnnounce(c *cli.Context, confined func(rules func() sandbox.Rules)) (source.Snapshot, error) {
	policy, ok := publication.ParsePolicy(c.String("on-conflict"))
	if !ok {
		return source.Snapshot{}, usagef("--on-conflict: %q is not a policy; want %s", c.String("on-conflict"), strings.Join(publication.PolicyWords(), ", "))
	}
	byFlags := c.IsSet("preset") || c.IsSet("name") || c.IsSet("type")
	if byFlags == c.Args().Present() {
		return source.Snapshot{}, usagef("announce: nothing to announce, or both files and flags; want either files, or --preset, or --name, --type and --port")
	}
	var snap source.Snapshot
	var err error
	if byFlags {
		confined(func() sandbox.Rules { return sandbox.Rules{} })
		snap, err = definedByFlags(c)
	} else {
		request := sourceRequest(c, c.Args().Slice()...)
		request.Before = func(cfg config.Config) {
			confined(func() sandbox.Rules { return definitionRules(request.ConfigFile, cfg) })
		}
		snap, err = loadSome(c, request)
	}
	for i := range snap.Publications {
		snap.Publications[i].OnConflict = policy
	}
	return snap, err
}

func definedByFlags(c *cli.Context) (source.Snapshot, error) {
	cfg := sourceRequest(c).Override(config.Default())
	snap := source.Snapshot{Config: cfg, Host: source.HostName()}
	group, err := groupOf(c, snap.Host)
	snap.Publications = []publication.Publication{{ID: "the command line", Group: group}}
	return snap, err
}

func groupOf(c *cli.Context, host string) (services.Group, error) {
	if c.IsSet("preset") {
		return presetOf(c, host)
	}
	group := services.Group{Name: c.String("name")}
	service, err := serviceOf(c)
	if err != nil {
		return group, err
	}
	group.Services = []services.Service{service}
	var failed bool
	for _, p := range group.Check(host, phones.Lint) {
		escape.Fprintf(c.App.ErrWriter, "%s\n", diag.Finding{Severity: p.Severity, Code: p.Code, Text: p.Text})
		failed = failed || p.Severity == diag.Error
	}
	if failed {
		return group, silent(exitInvalid)
	}
	return group, nil
}

func presetOf(c *cli.Context, host string) (services.Group, error) {
	fill := preset.Fill{
		Name: c.String("name"), Server: c.String("server"), Transport: c.String("transport"),
		URL: c.String("url"), Version: c.String("firmware-version"),
	}
	for _, f := range c.StringSlice("file") {
		model, path, ok := strings.Cut(f, "=")
		if !ok {
			return services.Group{}, usagef("--file: %q has no model; want MODEL=PATH, such as D40=eff/2_8_1_D40_firmware.eff", f)
		}
		fill.Files = append(fill.Files, preset.ModelFile{Model: model, Path: path})
	}
	group, err := preset.Group(c.String("preset"), fill, host)
	if bad, ok := errors.AsType[*preset.FillError](err); ok {
		for _, p := range bad.Problems {
			escape.Fprintf(c.App.ErrWriter, "announcer: %s: %s\n", fillFlag(p.Value), p.Text)
		}
		return group, silent(exitUsage)
	}
	return group, err
}

// fillFlag returns the flag for a value of a stock definition.
func fillFlag(value string) string {
	switch value {
	case "version":
		return "--firmware-version"
	case "files":
		return "--file"
	}
	return "--" + value
}

// serviceOf reads the flags that define one service. A flag with a bad value is wrong usage.
func serviceOf(c *cli.Context) (services.Service, error) {
	s := services.Service{Port: uint16(c.Uint("port")), TXT: c.StringSlice("txt")}
	if c.Uint("port") > 65535 {
		return s, usagef("--port: %d is not a port; want a number from 1 to 65535", c.Uint("port"))
	}
	if word := c.String("protocol"); word != "" {
		var ok bool
		if s.Protocol, ok = services.ParseProtocol(word); !ok {
			return s, usagef("--protocol: %q is not an IP version; want ipv4, ipv6 or any", word)
		}
	}
	for _, f := range []struct {
		flag  string
		parse func(string) (dnsname.Name, error)
		into  *dnsname.Name
	}{{"type", services.ParseType, &s.Type}, {"domain", services.ParseDomain, &s.Domain}, {"host", services.ParseHost, &s.Host}} {
		if text := c.String(f.flag); text != "" {
			var err error
			if *f.into, err = f.parse(text); err != nil {
				return s, usagef("--%s: %w", f.flag, err)
			}
		}
	}
	for _, text := range c.StringSlice("subtype") {
		sub, err := services.ParseSubtype(text)
		if err != nil {
			return s, usagef("--subtype: %w", err)
		}
		s.Subtypes = append(s.Subtypes, sub)
	}
	var err error
	s.Addresses, err = addressFlags(c)
	return s, err
}

// addressFlags returns the addresses of --address.
func addressFlags(c *cli.Context) ([]netip.Addr, error) {
	var all []netip.Addr
	for _, text := range c.StringSlice("address") {
		addr, err := netip.ParseAddr(text)
		if err != nil {
			return nil, usagef("--address: %q is not an address; want one such as 192.0.2.20", text)
		}
		all = append(all, addr)
	}
	return all, nil
}

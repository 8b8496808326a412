package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"announcer/internal/config"
	"announcer/internal/dnsname"
	"announcer/internal/escape"
	"announcer/internal/mdns"
	"announcer/internal/mdns/browse"
	"announcer/internal/netwatch"
	"announcer/internal/publication"
	"announcer/internal/sandbox"
	"announcer/services"
)

// phoneType is what the phones browse.
var phoneType = dnsname.MustParse("_digiumproxy._udp")

func browseCommand() *cli.Command {
	return command(cli.Command{
		Name:      "browse",
		Usage:     "show what is on the network: the service types, the services of a type, or all services",
		ArgsUsage: "TYPE",
		UsageText: "announcer browse [TYPE] [--resolve] [--follow]",
		Description: "Shows the services of a type, such as " + phoneType.String() + ", with the addresses of their hosts. Without a type it lists the types that there are, " +
			"with --resolve the services of all types. --follow prints the services that there are, and then each one that comes, changes or goes, " +
			"until Ctrl-C or for the time of --wait if that is given; with --json, one object a line.",
		Flags: append(clientFlags(),
			&cli.BoolFlag{Name: "resolve", Usage: "without a type: show the services of all types"},
			&cli.BoolFlag{Name: "follow", Usage: "print services as they come, change and go"},
		),
		Action: browseAction,
	})
}

// clientFlags are those of the commands that ask the network.
func clientFlags() []cli.Flag {
	return []cli.Flag{
		interfaceFlag(),
		&cli.StringFlag{Name: "domain", Usage: "ask for services in `DOMAIN`", Value: dnsname.Local.String()},
		waitFlag(),
		jsonFlag(),
	}
}

func waitFlag() cli.Flag {
	return timeFlag(cli.DurationFlag{Name: "wait", Usage: "wait `TIME` for answers", Value: 3 * time.Second})
}

func browseAction(c *cli.Context) error {
	if n := c.Args().Len(); n > 1 {
		return usagef("browse: %d arguments; want one type, such as %s, or none", n, phoneType)
	}
	q, err := asked(c, c.Args().First())
	if err != nil {
		return err
	}
	log, err := newLogger(c, slog.LevelWarn.String(), "text")
	if err != nil {
		return err
	}
	confine(func() sandbox.Rules { return sandbox.Rules{} }).log(log)
	links, err := clientLinks(c)
	if err != nil {
		return err
	}
	everything := !c.Args().Present()
	if everything {
		q.Type = dnsname.Name{}
	}
	if c.Bool("follow") {
		return browseFollow(c, q, links)
	}
	ctx, cancel := context.WithTimeout(c.Context, c.Duration("wait"))
	defer cancel()
	if everything && !c.Bool("resolve") {
		return browseTypes(ctx, c, q.Domain, links)
	}
	return browseServices(ctx, c, q, links)
}

// browseFollow prints services as they come, change and go.
func browseFollow(c *cli.Context, q browse.Question, links []publication.Link) error {
	ctx, cancel := c.Context, func() {}
	if c.IsSet("wait") {
		ctx, cancel = context.WithTimeout(ctx, c.Duration("wait"))
	}
	defer cancel()
	fmt.Fprintln(c.App.ErrWriter, "announcer: following; Ctrl-C ends it")
	var failed error
	err := browse.Follow(ctx, []browse.Question{q}, links, func(changes []browse.Change) {
		if failed = printChanges(c, changes); failed != nil {
			cancel()
		}
	})
	return errors.Join(err, failed)
}

// printChanges prints a line for each change.
func printChanges(c *cli.Context, changes []browse.Change) error {
	mac := netwatch.MACs()
	for _, change := range changes {
		e := browse.WithMACs([]browse.Entry{change.Entry}, mac)[0]
		if err := printChange(c, change.Kind, e); err != nil {
			return err
		}
	}
	return nil
}

func printChange(c *cli.Context, kind browse.ChangeKind, e browse.Entry) error {
	if c.Bool("json") {
		return json.NewEncoder(escape.JSON(c.App.Writer)).Encode(changeOutput{formatVersion, kind, shown([]browse.Entry{e})[0]})
	}
	text := fmt.Sprintf("%-7s  %s (%s) at %s, %s, on %s", kind, e.Instance, e.Type, server(e), addresses(e.Addrs), e.Link)
	if len(e.TXT) > 0 {
		text += ": " + txtText(e.TXT)
	}
	_, err := escape.Fprintf(c.App.Writer, "%s\n", text)
	return err
}

// asked returns the question that the arguments ask: for a type, that of the phones if it is "", in the domain of the flags.
func asked(c *cli.Context, typ string) (q browse.Question, err error) {
	if q.Domain, err = services.ParseDomain(c.String("domain")); err != nil {
		return q, usagef("--domain: %w", err)
	}
	q.Type = phoneType
	if typ != "" {
		if q.Type, err = services.ParseType(typ); err != nil {
			return q, usagef("%s: %w", c.Command.Name, err)
		}
	}
	return q, nil
}

// clientLinks returns the links to ask on.
func clientLinks(c *cli.Context) ([]publication.Link, error) {
	links, err := netwatch.Read()
	if err != nil {
		return nil, err
	}
	chosen, assumed := netwatch.Select(links, c.StringSlice("interface"), nil)
	return chosen, chosenLinks(publication.Desired{Links: chosen}, assumed, c.App.ErrWriter)
}

func browseTypes(ctx context.Context, c *cli.Context, domain dnsname.Name, links []publication.Link) error {
	types, err := browse.Types(ctx, domain, links)
	all := []foundType{}
	for _, t := range types {
		all = append(all, foundType{t.Name.String(), t.Link})
	}
	if c.Bool("json") {
		return errors.Join(err, escape.WriteJSON(c.App.Writer, typesOutput{formatVersion, all}))
	}
	var rows [][]string
	for _, t := range all {
		rows = append(rows, []string{t.Type, t.Link})
	}
	return errors.Join(err, table(c.App.Writer, "TYPE INTERFACE", rows))
}

func browseServices(ctx context.Context, c *cli.Context, q browse.Question, links []publication.Link) error {
	entries, err := browse.Services(ctx, []browse.Question{q}, links)
	entries = browse.WithMACs(entries, netwatch.MACs())
	if c.Bool("json") {
		return errors.Join(err, escape.WriteJSON(c.App.Writer, servicesOutput{formatVersion, shown(entries)}))
	}
	header := "NAME TYPE SERVER ADDRESSES INTERFACE TXT"
	var rows [][]string
	for _, e := range entries {
		rows = append(rows, []string{e.Instance, e.Type.String(), server(e), addresses(e.Addrs), e.Link, txtText(e.TXT)})
	}
	if !q.Type.IsZero() { // it is that of the arguments
		header = strings.Replace(header, "TYPE ", "", 1)
		for i, row := range rows {
			rows[i] = slices.Delete(row, 1, 2)
		}
	}
	return errors.Join(err, table(c.App.Writer, header, rows))
}

func server(e browse.Entry) string { return fmt.Sprintf("%s:%d", e.Host, e.Port) }

func addresses(addrs []netip.Addr) string {
	var words []string
	for _, a := range addrs {
		words = append(words, a.String())
	}
	return strings.Join(words, ",")
}

// txtText returns the strings of a TXT record on one line.
func txtText(txt services.TXT) string {
	var words []string
	for _, s := range txt {
		words = append(words, mdns.QuoteTXT(s))
	}
	return strings.Join(words, " ")
}

func shown(entries []browse.Entry) []shownService {
	all := []shownService{}
	for _, e := range entries {
		s := shownService{
			Name: e.Instance, Type: e.Type.String(), Domain: e.Domain.String(), Host: e.Host.String(), Port: e.Port,
			Addresses: append([]netip.Addr{}, e.Addrs...), TXT: []config.RawTXT{}, Link: e.Link,
		}
		for _, t := range e.TXT {
			s.TXT = append(s.TXT, config.NewRawTXT(t))
		}
		for _, f := range e.From {
			s.From = append(s.From, shownSender{f.Addr, f.MAC})
		}
		all = append(all, s)
	}
	return all
}

package main

import (
	"context"
	"net/netip"

	"github.com/urfave/cli/v2"

	"announcer/internal/dnsname"
	"announcer/internal/escape"
	"announcer/internal/mdns/browse"
	"announcer/internal/netwatch"
)

func resolveCommand() *cli.Command {
	return command(cli.Command{
		Name:        "resolve",
		Usage:       "show one service, or the addresses of a host, or the host with an address",
		ArgsUsage:   "NAME TYPE",
		UsageText:   "announcer resolve NAME [TYPE]\nannouncer resolve HOST.local\nannouncer resolve ADDRESS",
		Description: "The default type is " + phoneType.String() + ". A service whose name ends with .local needs its type.",
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
	name := c.Args().First()
	if addr, err := netip.ParseAddr(name); err == nil && c.Args().Len() == 1 {
		hosts, err := browse.FindAddress(ctx, addr, links)
		return printHosts(c, hosts, err)
	}
	if host, ok := hostIn(q.Domain, name); ok && c.Args().Len() == 1 {
		hosts, err := browse.FindHost(ctx, host, links)
		return printHosts(c, hosts, err)
	}
	entry, err := browse.Resolve(ctx, name, q, links)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return escape.WriteJSON(c.App.Writer, serviceOutput{formatVersion, shown([]browse.Entry{entry})[0]})
	}
	escape.Fprintf(c.App.Writer, "name       %s\ntype       %s\nserver     %s\naddresses  %s\ninterface  %s\n",
		entry.Instance, entry.Type, server(entry), addresses(entry.Addrs), entry.Link)
	for _, t := range entry.TXT {
		escape.Fprintf(c.App.Writer, "txt        %s\n", t)
	}
	return nil
}

// hostIn returns the name of a host in a domain, such as pbx.local.
func hostIn(domain dnsname.Name, text string) (host dnsname.Name, ok bool) {
	host, err := dnsname.Parse(text)
	return host, err == nil && !host.IsZero() && host.Parent().Equal(domain)
}

// printHosts prints hosts that were found, or returns why none was.
func printHosts(c *cli.Context, hosts []browse.Host, err error) error {
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return escape.WriteJSON(c.App.Writer, hostsOutput{formatVersion, shownHosts(hosts)})
	}
	for _, h := range hosts {
		escape.Fprintf(c.App.Writer, "host       %s\naddresses  %s\ninterface  %s\n", h.Name.String(), addresses(h.Addrs), h.Link)
	}
	return nil
}

func shownHosts(hosts []browse.Host) []shownHost {
	mac := netwatch.MACs()
	all := []shownHost{}
	for _, h := range hosts {
		s := shownHost{Host: h.Name.String(), Addresses: h.Addrs, Link: h.Link}
		for _, f := range h.From {
			s.From = append(s.From, shownSender{f.Addr, mac(h.Link, f.Addr)})
		}
		all = append(all, s)
	}
	return all
}

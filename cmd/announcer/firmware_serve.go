package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"announcer/internal/config"
	"announcer/internal/deployment"
	"announcer/internal/escape"
	"announcer/internal/mdns/engine"
	"announcer/internal/netwatch"
	"announcer/internal/oneshot"
	"announcer/internal/phones"
	"announcer/internal/phones/fileserver"
	"announcer/internal/preset"
	"announcer/internal/publication"
	"announcer/internal/sandbox"
	"announcer/internal/source"
	"announcer/internal/status"
)

// lastTransfers is how long transfers may go on after the goodbye.
const lastTransfers = 30 * time.Second

func firmwareServeCommand() *cli.Command {
	return loggingCommand(cli.Command{
		Name:      "serve",
		Usage:     "serve a directory of firmware by HTTP and announce it, until all phones have it",
		ArgsUsage: "DIR",
		UsageText: "announcer firmware serve DIR [--until-done NUMBER] [--for 10m]\n" +
			"announcer firmware serve DIR --http 9353\n" +
			"announcer firmware serve DIR --xml [--config-server URL]",
		Description: "Serves the firmware of one version only, announces it on every link with the server's address there, and shows the transfers. " +
			"Ends at Ctrl-C, after --for, or when --until-done phones have a whole file; then withdraws the service. " +
			"Running transfers may go on for 30 s. With --http, a page shows the phones, the transfers, and when all is done. " + countedBy,
		Flags: append(wireFlags(),
			&cli.StringFlag{Name: "listen", Usage: "listen on `[ADDRESS]:PORT`", Value: ":8080"},
			&cli.StringFlag{Name: "http", Usage: "show phones and transfers on a page at `[ADDRESS:]PORT`, such as 9353; on the loopback unless there is an address"},
			forFlag("end after `TIME`, such as 10m"),
			&cli.UintFlag{Name: "until-done", DefaultText: "no limit", Usage: "end when `NUMBER` different phones have a whole file"},
			&cli.StringFlag{Name: "url", Usage: "announce `URL` on all links (default: on each link the server's address there)"},
			&cli.BoolFlag{Name: "xml", Usage: "also serve MAC.cfg, a configuration that names the firmware"},
			&cli.StringFlag{Name: "config-server", Usage: "with --xml: point phones to `URL` in the configuration, such as sip:proxy@10.1.2.3:5060;transport=udp, also phones that are configured"},
			&cli.StringFlag{Name: "name", Usage: "the instance `NAME` that users see (default: from version and server)"},
			versionFlag(),
			jsonFlag(),
		),
		Action: announcing(firmwareServe, closedTerminal()...),
	}, "warn; info if standard output is no terminal and there is no --json")
}

func firmwareServe(c *cli.Context) error {
	log, err := firmwareLog(c)
	if err != nil {
		return err
	}
	if err := checkConfigServer(c); err != nil {
		return err
	}
	confine(func() sandbox.Rules { return sandbox.Rules{Read: c.Args().Slice(), Listen: true} }).log(log)
	dir, release, err := releaseOf(c)
	if err != nil {
		return err
	}
	page, err := openPage(c, log)
	if err != nil {
		return err
	}
	defer page.close(c.Context)
	listener, err := listen(c.String("listen"))
	if err != nil {
		return err
	}
	defer listener.Close()
	offer, err := firmwareOnLinks(c, dir, release, listener.Addr().(*net.TCPAddr).AddrPort())
	if err != nil {
		return err
	}
	update := deployment.New(deployment.Config{
		Daemon: status.Daemon{Version: version(), Build: build(), Engine: offer.engine}, Desired: offer.Desired, Links: offer.links,
		Release: release.Version, Wanted: int(c.Uint("until-done")), MAC: netwatch.MACOf, MACs: netwatch.MACs,
	})
	show := newTransferView(c.App.Writer, c.Bool("json"), int(c.Uint("until-done")), update)
	server, err := fileserver.New(fileserver.Config{
		Dir: dir, Release: release, URL: c.String("url"), Configs: c.Bool("xml"), ConfigServer: c.String("config-server"), Log: log, Report: show.report,
	})
	if err != nil {
		return err
	}
	show.begin(server.Files(), page.url(offer.Links))
	publisher, err := engine.Open(offer.engine, log, netwatch.MAC)
	if err != nil {
		return err
	}
	return serveWhile(c.Context, server, listener, func(failed <-chan struct{}) error {
		return oneshot.Announce(c.Context, publisher, offer.Desired, show.announced, func() error {
			ctx, cancel := withLimit(c.Context, c.Duration("for"))
			defer cancel()
			defer page.show(update, publisher, server)()
			show.run(ctx, failed, server.Running)
			return nil
		})
	})
}

func checkConfigServer(c *cli.Context) error {
	if !c.IsSet("config-server") {
		return nil
	}
	if !c.Bool("xml") {
		return usagef("--config-server: it is used only in the configuration of --xml; want --xml too")
	}
	if err := phones.CheckConfigServer(c.String("config-server")); err != nil {
		return usagef("--config-server: %w", err)
	}
	return nil
}

// firmwareLog reports every transfer, unless that would tear the table or disturb a program that reads the lines.
func firmwareLog(c *cli.Context) (*slog.Logger, error) {
	if isTerminal(c.App.Writer) || c.Bool("json") {
		return newLogger(c, slog.LevelWarn.String(), "text")
	}
	return newLogger(c, slog.LevelInfo.String(), "text")
}

func listen(at string) (net.Listener, error) {
	if _, _, err := net.SplitHostPort(at); err != nil {
		return nil, usagef("--listen: %q is not an address with a port; want one such as :8080 or 10.1.2.3:80", at)
	}
	l, err := net.Listen("tcp", at)
	if err != nil {
		return nil, fmt.Errorf("--listen: %w", err)
	}
	return l, nil
}

// serveWhile serves as long as announce takes; failed is closed if serving ends by itself.
func serveWhile(ctx context.Context, server *fileserver.Server, l net.Listener, announce func(failed <-chan struct{}) error) error {
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	ended := make(chan struct{})
	var served error
	go func() {
		defer close(ended)
		served = server.Serve(serving, l, lastTransfers)
	}()
	err := announce(ended)
	stop()
	<-ended
	return errors.Join(err, served)
}

// printFiles prints what is served. A write error is ignored: serving goes on.
func printFiles(w io.Writer, files []fileserver.File) {
	var rows, hashes [][]string
	for _, f := range files {
		rows = append(rows, []string{f.Model, f.Version, bytesText(f.Size), f.Path})
		hashes = append(hashes, []string{f.Model, f.SHA256})
	}
	_ = table(w, "MODEL VERSION SIZE FILE", rows)
	_ = table(w, "MODEL SHA-256", hashes) // a table of its own: 64 characters leave no room for more
}

// offer is what is to be announced, and how.
type offer struct {
	publication.Desired
	engine string
	links  []status.Link // of this host, those that are not used, too
}

// firmwareOnLinks makes what is to be announced: on every link a group with the URL that is right there or, where the
// URL is given, one group for all.
func firmwareOnLinks(c *cli.Context, dir string, release phones.Release, at netip.AddrPort) (offer, error) {
	snap := source.Snapshot{Config: sourceRequest(c).Override(config.Default()), Host: source.HostName()}
	links, err := netwatch.Read()
	if err != nil {
		return offer{}, err
	}
	desired, assumed := snap.Desired(links)
	o := offer{desired, snap.Config.Engine, linksOf(links, snap.Config)}
	if err := chosenLinks(desired, assumed, c.App.ErrWriter); err != nil {
		return o, err
	}
	if c.IsSet("url") {
		group, err := preset.Group("firmware", preset.OfRelease(release, c.String("url"), c.String("name")), snap.Host)
		if err != nil {
			return o, firmwareFault(c, dir, err)
		}
		o.Groups = []publication.Publication{{ID: "firmware", Group: group}}
		return o, nil
	}
	var reachable []publication.Link
	for _, link := range desired.Links {
		addr, ok := addressOn(link, at.Addr())
		if !ok {
			escape.Fprintf(c.App.ErrWriter, "announcer: %s has no address that phones can load from; nothing is announced on it\n", link.Name)
			o.leaveOut(link.Name, "it has no address that phones can load from")
			continue
		}
		group, err := preset.Group("firmware", preset.OfRelease(release, httpURL(addr, at.Port()), c.String("name")), snap.Host)
		if err != nil {
			return o, firmwareFault(c, dir, err)
		}
		reachable = append(reachable, link)
		o.Groups = append(o.Groups, publication.Publication{ID: "firmware on " + link.Name, Group: group, Interfaces: []string{link.Name}})
	}
	if o.Links = reachable; len(reachable) == 0 {
		return o, errors.New("no link has an address that phones can load from; want --listen with an address of this host, --interface with a link that has one, or --url")
	}
	return o, nil
}

// linksOf returns the links that matter to people, and why those are not used that are not.
func linksOf(links []publication.Link, cfg config.Config) (all []status.Link) {
	for _, l := range netwatch.Shown(links, cfg.Interfaces) {
		all = append(all, status.NewLink(l, netwatch.Why(l, cfg.Interfaces, cfg.InterfacesDeny)))
	}
	return all
}

// leaveOut marks a link as one that is not used.
func (o *offer) leaveOut(link, why string) {
	for i := range o.links {
		if o.links[i].Name == link {
			o.links[i].Used, o.links[i].Why = false, why
		}
	}
}

// addressOn returns the address by which phones on a link reach the server, which listens on the given address or,
// if that is unspecified, on all: IPv4 if the link has any.
func addressOn(link publication.Link, listen netip.Addr) (addr netip.Addr, ok bool) {
	addrs := slices.DeleteFunc(link.Published(), func(a netip.Addr) bool {
		return a.Is6() && a.IsLinkLocalUnicast() || !listen.IsUnspecified() && a != listen.Unmap()
	})
	if len(addrs) == 0 {
		return netip.Addr{}, false
	}
	return addrs[0], true
}

// httpURL leaves the port out if it is the one of HTTP.
func httpURL(addr netip.Addr, port uint16) string {
	host := addr.String()
	if addr.Is6() {
		host = "[" + host + "]"
	}
	if port != 80 {
		host += ":" + strconv.Itoa(int(port))
	}
	return "http://" + host + "/"
}

package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"announcer/internal/admission"
	"announcer/internal/config"
	"announcer/internal/control"
	"announcer/internal/deployment"
	"announcer/internal/mdns"
	"announcer/internal/phones/fileserver"
	"announcer/internal/publication"
	"announcer/internal/source"
	"announcer/internal/web"
)

// lastLook is how long the page stays after the end, if a browser follows it: long enough to show that all is done.
const lastLook = 3 * time.Second

// firmwarePage is the page of --http; nil is none.
type firmwarePage struct {
	listener net.Listener
	log      *slog.Logger
	update   *deployment.Deployment // as soon as it is shown
	stop     func()                 // ends showing it
}

// openPage listens for the page, if there is to be one.
func openPage(c *cli.Context, log *slog.Logger) (*firmwarePage, error) {
	if !c.IsSet("http") {
		return nil, nil
	}
	host, port, err := config.HTTPAddress(c.String("http"))
	if err != nil {
		return nil, usagef("--http: %w", err)
	}
	_, listen, _ := net.SplitHostPort(c.String("listen"))
	if phones, err := net.LookupPort("tcp", listen); err == nil && phones != 0 && phones == int(port) {
		return nil, usagef("--http: %d is the port at which phones load the firmware (--listen); want another one", port)
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(int(port))))
	if err != nil {
		return nil, fmt.Errorf("--http: %w", err)
	}
	if config.IsPublic(host) {
		log.Warn("the page is public: every host that reaches it can read it", "address", l.Addr())
	}
	return &firmwarePage{listener: l, log: log}, nil
}

// url returns the URL of the page: if it is on all addresses, with one on a link. It is "" without a page.
func (p *firmwarePage) url(links publication.Links) string {
	if p == nil {
		return ""
	}
	at := p.listener.Addr().(*net.TCPAddr).AddrPort()
	if at.Addr().IsUnspecified() {
		for _, link := range links {
			if addr, ok := addressOn(link, at.Addr()); ok {
				at = netip.AddrPortFrom(addr, at.Port())
				break
			}
		}
	}
	return "http://" + at.String() + "/"
}

// show shows a deployment. The function that it returns ends following what happens on the network; transfers are still followed
// until [firmwarePage.close].
func (p *firmwarePage) show(d *deployment.Deployment, publisher mdns.Publisher, server *fileserver.Server) (stop func()) {
	if p == nil {
		return func() {}
	}
	p.update = d
	p.stop = untilStopped(p.serve)
	return untilStopped(func(ctx context.Context) { d.Follow(ctx, publisher, server) })
}

// untilStopped calls f until the function that it returns is called, which waits for it.
func untilStopped(f func(ctx context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f(ctx)
	}()
	return func() {
		cancel()
		<-ended
	}
}

// refuses logs that the page takes no clients, or does again.
func (p *firmwarePage) refuses(why error) {
	if why == nil {
		p.log.Warn("the page takes clients again")
		return
	}
	p.log.Warn("the page takes no clients; serving the firmware goes on", "error", why)
}

func (p *firmwarePage) serve(ctx context.Context) {
	names := func() []string { return admission.Names(source.HostName()) }
	if err := control.Serve(ctx, admission.Attend(p.listener, p.refuses), admission.Hosts(web.Handler(p.update), names, ""), p.log); err != nil {
		p.log.Error("the page ends; serving the firmware goes on", "error", err)
	}
}

// close ends the page. If a browser follows it and ctx is not done, it stays long enough to show the end.
func (p *firmwarePage) close(ctx context.Context) {
	switch {
	case p == nil:
		return
	case p.stop == nil:
		p.listener.Close()
		return
	case p.update.Watched():
		select {
		case <-time.After(lastLook):
		case <-ctx.Done():
		}
	}
	p.update.Close()
	p.stop()
}

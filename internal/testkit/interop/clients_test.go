//go:build linux

package interop

import (
	"context"
	"io"
	"log"
	"net"
	"strings"
	"time"

	"github.com/grandcat/zeroconf"
	"github.com/hashicorp/mdns"
)

// findByZeroconf looks for the services with the client of github.com/grandcat/zeroconf, for all types at once: it asks,
// and asks again after some four seconds.
func findByZeroconf(ctx context.Context, n neighbour) (found discovery, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	all := make(chan *zeroconf.ServiceEntry)
	for _, s := range names {
		if err := n.zeroconf(ctx, s.Type, all); err != nil {
			return found, err
		}
	}
	for len(found.Services) < len(names) && ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case e := <-all:
			found.Services = append(found.Services, service{
				Name: unescape(e.Instance), Type: e.Service, Domain: strings.TrimSuffix(e.Domain, "."),
				Host: strings.TrimSuffix(e.HostName, "."), Port: e.Port, TXT: strs(e.Text),
			})
			for _, ip := range append(e.AddrIPv4, e.AddrIPv6...) {
				found.Addresses = append(found.Addresses, ip.String())
			}
		}
	}
	return found, nil
}

// zeroconf begins to look for the services of a type, until the end of ctx.
func (n neighbour) zeroconf(ctx context.Context, typ string, all chan<- *zeroconf.ServiceEntry) error {
	var resolver *zeroconf.Resolver
	var err error
	n.Do(func() { resolver, err = zeroconf.NewResolver(zeroconf.SelectIPTraffic(n.zeroconfTraffic())) })
	if err != nil {
		return err
	}
	entries := make(chan *zeroconf.ServiceEntry)
	go func() {
		for e := range entries {
			select {
			case all <- e:
			case <-ctx.Done():
			}
		}
	}()
	return resolver.Browse(ctx, typ, "local.", entries)
}

func (n neighbour) zeroconfTraffic() zeroconf.IPType {
	switch {
	case n.link.v4 == "":
		return zeroconf.IPv6
	case n.link.v6 == "":
		return zeroconf.IPv4
	}
	return zeroconf.IPv4AndIPv6
}

// strs returns the strings of a TXT record as github.com/miekg/dns writes them, without the empty one that stands for none.
func strs(text []string) []string {
	var txt []string
	for _, s := range text {
		if s != "" {
			txt = append(txt, unescape(s))
		}
	}
	return txt
}

// findByHashicorp looks for the services with the client of github.com/hashicorp/mdns.
func findByHashicorp(_ context.Context, n neighbour) (found discovery, err error) {
	for _, s := range names {
		entries := make(chan *mdns.ServiceEntry, 10)
		n.Do(func() {
			var nic *net.Interface
			if nic, err = net.InterfaceByName("eth0"); err == nil {
				err = mdns.Query(&mdns.QueryParam{
					Service: s.Type, Domain: "local", Timeout: time.Second, Interface: nic, Entries: entries,
					DisableIPv4: n.link.v4 == "", DisableIPv6: n.link.v6 == "",
					Logger: log.New(io.Discard, "", 0),
				})
			}
		})
		if err != nil {
			return found, err
		}
		close(entries)
		for e := range entries {
			name, rest := cutLabel(e.Name)
			found.Services = append(found.Services, service{
				Name: unescape(name), Type: strings.TrimSuffix(rest, ".local."), Domain: "local",
				Host: strings.TrimSuffix(e.Host, "."), Port: e.Port, TXT: strs(e.InfoFields),
			})
			if e.AddrV4 != nil {
				found.Addresses = append(found.Addresses, e.AddrV4.String())
			}
			if e.AddrV6IPAddr != nil {
				found.Addresses = append(found.Addresses, e.AddrV6IPAddr.IP.String())
			}
		}
	}
	return found, nil
}

package main

import (
	"net"

	"github.com/grandcat/zeroconf"

	"announcer/internal/mdns/dnstext"
	"announcer/internal/testkit/conformance"
	"announcer/services"
)

// zeroconfLibrary is github.com/grandcat/zeroconf, which has a server per service.
type zeroconfLibrary struct {
	host    string
	addrs   []string
	eth     *net.Interface
	servers map[string]*zeroconf.Server // by the group's name
}

func newZeroconf(host string) (library, error) {
	eth, err := net.InterfaceByName(conformance.Interface)
	if err != nil {
		return nil, err
	}
	addrs, err := eth.Addrs()
	if err != nil {
		return nil, err
	}
	l := &zeroconfLibrary{host: host, eth: eth, servers: map[string]*zeroconf.Server{}}
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() {
			l.addrs = append(l.addrs, n.IP.String())
		}
	}
	return l, nil
}

// add registers a service. The library wants names as github.com/miekg/dns prints them, and subtypes behind commas.
func (l *zeroconfLibrary) add(g services.Group) error {
	s := g.Services[0]
	kind := s.Type.String()
	for _, sub := range s.Subtypes {
		kind += "," + sub.Label()
	}
	server, err := zeroconf.RegisterProxy(dnstext.Label(g.Name), kind, "local.", int(s.Port), l.host, l.addrs, escaped(s.TXT), []net.Interface{*l.eth})
	if err == nil {
		l.servers[g.Name] = server
	}
	return err
}

func escaped(strs []string) []string {
	var list []string
	for _, s := range strs {
		list = append(list, dnstext.String(s))
	}
	return list
}

func (l *zeroconfLibrary) remove(g services.Group) {
	l.servers[g.Name].Shutdown()
	delete(l.servers, g.Name)
}

func (l *zeroconfLibrary) setText(g services.Group) {
	l.servers[g.Name].SetText(escaped(g.Services[0].TXT))
}

func (l *zeroconfLibrary) ready() {}

func (l *zeroconfLibrary) close() {
	for _, s := range l.servers {
		s.Shutdown()
	}
}

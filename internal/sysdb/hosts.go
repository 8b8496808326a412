package sysdb

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// replacedHost returns the addresses of a host in the file that was kept, if the system's own can't be read any more.
func replacedHost(host string) (addrs []netip.Addr) {
	text, replaced := current(hostsFile)
	if !replaced {
		return nil
	}
	same := func(name string) bool { return strings.EqualFold(name, strings.TrimSuffix(host, ".")) }
	for _, fields := range words(text) {
		if addr, err := netip.ParseAddr(fields[0]); err == nil && slices.ContainsFunc(fields[1:], same) {
			addrs = append(addrs, addr)
		}
	}
	return addrs
}

// Dial connects by a dialer, and finds hosts as Keep says.
func Dial(ctx context.Context, d *net.Dialer, network, address string) (conn net.Conn, err error) {
	host, port, _ := net.SplitHostPort(address)
	addrs := replacedHost(host)
	if len(addrs) == 0 {
		return d.DialContext(ctx, network, address)
	}
	for _, addr := range addrs {
		if conn, err = d.DialContext(ctx, network, net.JoinHostPort(addr.String(), port)); err == nil {
			return conn, nil
		}
	}
	return nil, err
}

// servers are the addresses of the name servers that were kept.
var servers []string

// keepServers has the resolver of Go ask the name servers that were kept, if it can't read which there are: it would ask this host.
func keepServers() {
	servers = nil
	for _, fields := range words(kept[resolverFile]) {
		if len(fields) > 1 && fields[0] == "nameserver" {
			servers = append(servers, net.JoinHostPort(fields[1], "53"))
		}
	}
	if len(servers) == 0 {
		return
	}
	net.DefaultResolver.Dial = dialServer
}

// dialServer connects to a name server. The resolver tries two addresses of this host in turn if it knows of no server; they stand
// for the first two that were kept.
func dialServer(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	if _, replaced := current(resolverFile); replaced {
		first := strings.HasPrefix(address, "127.")
		if address = servers[0]; !first && len(servers) > 1 {
			address = servers[1]
		}
	}
	return d.DialContext(ctx, network, address)
}

// Domains returns the domains in which the system looks up short names (resolv.conf(5)).
func Domains() []string {
	text, _ := current(resolverFile)
	var domains []string
	for _, fields := range words(text) {
		if fields[0] != "search" && fields[0] != "domain" {
			continue
		}
		for _, domain := range fields[1:] {
			domains = append(domains, strings.Trim(domain, "."))
		}
	}
	return domains
}

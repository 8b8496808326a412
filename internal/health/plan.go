// Package health checks the servers of services at intervals, and passes to the engine only the publications whose
// servers answer.
package health

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"announcer/internal/phones"
	"announcer/internal/publication"
	"announcer/internal/sip"
	"announcer/services"
)

// Probe is one question to one server. Probes that are equal are one, however many publications need them.
type Probe struct {
	Method Method
	Target string // an address with a port, an HTTP URL or a SIP URL
}

// String returns the target.
func (p Probe) String() string { return p.Target }

// Method is a way to ask a server.
type Method uint8

// The methods.
const (
	Connect Method = iota // a TCP connection
	File                  // HTTP HEAD of a file, which must exist
	Page                  // HTTP HEAD of a page, where any answer will do that is not an error of the server (5xx)
	Options               // SIP OPTIONS, see [sip.Alive]
)

// Part is the check of one service. It passes if one of its probes is answered.
type Part []Probe

// thisHost stands in targets for this host, by any of its addresses.
const thisHost = "localhost"

// Plan returns what must answer before a publication is announced: each of its parts. There is none if nothing is to
// be checked. The error says which service the check is not fit for, and what would be.
func Plan(p publication.Publication) ([]Part, error) {
	if p.Check == publication.NoCheck {
		return nil, nil
	}
	var parts []Part
	for _, s := range p.Group.Services {
		part, err := plan(p.Check, s)
		if err != nil {
			return nil, fmt.Errorf("%q can't be done for %s: %w", p.Check, s.Type, err)
		}
		parts = append(parts, part)
	}
	return parts, nil
}

func plan(check publication.Check, s services.Service) (Part, error) {
	named := phones.Read(s.TXT)
	auto := check == publication.CheckAuto && named.Named()
	switch {
	case check == publication.CheckTCP:
		return connects(s)
	case (auto || check == publication.CheckHTTP) && named.OffersFirmware():
		return files(named)
	case check == publication.CheckHTTP:
		return page(s)
	case auto, check == publication.CheckSIP && named.NamesServer():
		return options(named)
	case check == publication.CheckSIP:
		return optionsAt(s)
	case isTCP(s):
		return connects(s)
	}
	return nil, errors.New(`there is nothing to ask: it has no sipUrl and no firmwareUrl, and is not of TCP; want "tcp", "http" or "sip"`)
}

func isTCP(s services.Service) bool { return strings.EqualFold(s.Type.Parent().Label(), "_tcp") }

// isOf reports whether a service has a type such as "_https".
func isOf(s services.Service, application string) bool {
	return strings.EqualFold(s.Type.Label(), application)
}

// files returns a probe for each firmware file.
func files(a phones.Announcement) (Part, error) {
	named, err := a.Files()
	var part Part
	for _, f := range named {
		part = append(part, Probe{File, f.URL})
	}
	return part, err
}

// hosts returns where a service is: the addresses that it comes with, its host, or this one.
func hosts(s services.Service) ([]string, error) {
	switch {
	case s.Port == 0:
		return nil, errors.New("it has no port; want one")
	case len(s.Addresses) > 0:
		var all []string
		for _, a := range s.Addresses {
			all = append(all, a.String())
		}
		return all, nil
	case !s.Host.IsZero():
		return []string{s.Host.String()}, nil
	}
	return []string{thisHost}, nil
}

func connects(s services.Service) (Part, error) {
	at, err := hosts(s)
	var part Part
	for _, host := range at {
		part = append(part, Probe{Connect, net.JoinHostPort(host, strconv.Itoa(int(s.Port)))})
	}
	return part, err
}

// page returns the page that the key path names (RFC 6763 §6 leaves the keys to the type; that of _http._tcp has path).
func page(s services.Service) (Part, error) {
	at, err := hosts(s)
	scheme := "http"
	if isOf(s, "_https") {
		scheme = "https"
	}
	path, _ := s.TXT.Get("path")
	var part Part
	for _, host := range at {
		u := url.URL{Scheme: scheme, Host: net.JoinHostPort(host, strconv.Itoa(int(s.Port))), Path: "/" + strings.TrimPrefix(path, "/")}
		part = append(part, Probe{Page, u.String()})
	}
	return part, err
}

func options(a phones.Announcement) (Part, error) {
	server, err := a.Server()
	if err != nil {
		return nil, err
	}
	return Part{{Options, server.String()}}, nil
}

// optionsAt asks the host and port of a service, by the transport that its type names.
func optionsAt(s services.Service) (Part, error) {
	at, err := hosts(s)
	transport := sip.UDP
	switch {
	case isOf(s, "_sips"):
		transport = sip.TLS
	case isTCP(s):
		transport = sip.TCP
	}
	var part Part
	for _, host := range at {
		part = append(part, Probe{Options, sip.Target{Host: host, Port: s.Port, Transport: transport}.String()})
	}
	return part, err
}

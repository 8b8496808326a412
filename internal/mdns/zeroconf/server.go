package zeroconf

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/grandcat/zeroconf"
	"github.com/miekg/dns"

	"announcer/internal/mdns/dnstext"
	"announcer/internal/mdns/libsock"
	"announcer/internal/publication"
)

// server is a service that is registered with the library.
type server struct {
	service
	key       string // of the entries that it is for
	fullName  string // as miekg/dns prints it
	sockets   libsock.Server
	announced bool // its announcement has been heard
}

// errNoIPv4 is why a service is not published: the library makes do with IPv6, which phones do not speak.
var errNoIPv4 = errors.New("the library has no socket for IPv4")

// register has the library probe for the service of an entry, announce it and answer for it.
func register(e entry) (*server, error) {
	s := e.service
	var ips []string
	for _, a := range s.Addresses {
		ips = append(ips, a.String())
	}
	link := net.Interface{Index: s.link.Index, Name: s.link.Name, MTU: s.link.MTU}
	lib, err := zeroconf.RegisterProxy(s.instance(), s.typeAndSubtypes(), withoutDot(dnstext.Name(s.In())), s.port(),
		dnstext.Name(s.Host), ips, txtText(s.TXT), []net.Interface{link})
	if err != nil {
		return nil, fmt.Errorf("the library does not publish on %s: %w", s.link.Name, err)
	}
	sockets, err := libsock.OfServer(lib)
	if err != nil {
		lib.Shutdown()
		return nil, err
	}
	// Until the sockets are bound, which takes microseconds, the server hears the other links too.
	err = sockets.Bind(s.link.Name)
	if err == nil && s.link.Has(publication.V4) && !sockets.HasIPv4() {
		err = errNoIPv4
	}
	if err != nil {
		sockets.ShutDown()
		return nil, err
	}
	return &server{service: *s, key: e.key, fullName: dnstext.Name(s.name()), sockets: sockets}, nil
}

// instance returns the instance name as the library takes it. The library drops dots at the end, escaped or not.
func (s service) instance() string {
	text := dnstext.Label(s.label)
	if strings.HasSuffix(s.label, ".") {
		text = strings.TrimSuffix(text, `\.`) + `\046`
	}
	return text
}

// typeAndSubtypes returns "_ipp._tcp,_colour" for the type _ipp._tcp with the subtype _colour._sub._ipp._tcp.
func (s service) typeAndSubtypes() string {
	const comma = `\044` // the library cuts at those that it sees
	text := strings.ReplaceAll(withoutDot(dnstext.Name(s.Type)), ",", comma)
	for _, sub := range s.Subtypes {
		text += "," + strings.ReplaceAll(dnstext.Label(sub.Label()), ",", comma)
	}
	return text
}

// port returns the port as the library takes it: it refuses 0, and cuts to 16 bits when it makes a record.
func (s service) port() int {
	if s.Port == 0 {
		return 1 << 16
	}
	return int(s.Port)
}

// txtText returns TXT strings as the library takes them: none at all become one empty string (RFC 6763 §6.1).
func txtText(strs []string) []string {
	if len(strs) == 0 {
		return []string{""}
	}
	var texts []string
	for _, raw := range strs {
		texts = append(texts, dnstext.String(raw))
	}
	return texts
}

func withoutDot(name string) string { return strings.TrimSuffix(name, ".") }

// isIn reports whether a packet announces the service: its SRV and TXT records are among the answers.
func (s *server) isIn(packet *dns.Msg) bool {
	var srv, txt bool
	for _, rr := range packet.Answer {
		if rr.Header().Name != s.fullName || rr.Header().Ttl == 0 {
			continue
		}
		switch rr := rr.(type) {
		case *dns.SRV:
			srv = srv || rr.Port == s.Port && rr.Target == dnstext.Name(s.Host)
		case *dns.TXT:
			txt = txt || slices.Equal(rr.Txt, txtText(s.TXT))
		}
	}
	return packet.Response && srv && txt
}

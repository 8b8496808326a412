package main

import (
	"context"
	"strings"

	"github.com/brutella/dnssd"

	"announcer/internal/testkit/conformance"
	"announcer/services"
)

// dnssdLibrary is github.com/brutella/dnssd. It knows no subtypes, and TXT strings only as keys with values.
type dnssdLibrary struct {
	host      string
	responder dnssd.Responder
	handles   map[string]dnssd.ServiceHandle // by the group's name
	end       context.CancelFunc
	ended     chan struct{} // nil before it responds
}

func newDNSSD(host string) (library, error) {
	responder, err := dnssd.NewResponder()
	if err != nil {
		return nil, err
	}
	return &dnssdLibrary{host: host, responder: responder, handles: map[string]dnssd.ServiceHandle{}}, nil
}

func (l *dnssdLibrary) add(g services.Group) error {
	s := g.Services[0]
	service, err := dnssd.NewService(dnssd.Config{
		Name: g.Name, Type: s.Type.String(), Domain: "local", Host: l.host, Text: pairs(s.TXT), Port: int(s.Port),
		Ifaces: []string{conformance.Interface},
	})
	if err != nil {
		return err
	}
	handle, err := l.responder.Add(service)
	l.handles[g.Name] = handle
	return err
}

// ready responds once the first services are there.
func (l *dnssdLibrary) ready() {
	if l.ended != nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	l.end, l.ended = cancel, make(chan struct{})
	go func() {
		defer close(l.ended)
		l.responder.Respond(ctx) // ends with ctx, and its error says no more
	}()
}

func pairs(strs []string) map[string]string {
	all := map[string]string{}
	for _, s := range strs {
		key, value, _ := strings.Cut(s, "=")
		all[key] = value
	}
	return all
}

func (l *dnssdLibrary) remove(g services.Group) {
	l.responder.Remove(l.handles[g.Name])
	delete(l.handles, g.Name)
}

func (l *dnssdLibrary) setText(g services.Group) {
	l.handles[g.Name].UpdateText(pairs(g.Services[0].TXT), l.responder)
}

func (l *dnssdLibrary) close() {
	l.end()
	<-l.ended
}

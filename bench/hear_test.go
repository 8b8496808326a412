//go:build linux

package bench

import (
	"slices"
	"testing"
	"time"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/mdns/wire"
)

// heard is a packet of the responder by multicast.
type heard struct {
	at time.Time
	wire.Message
}

// ear hears all that a responder says by multicast, until it is closed.
type ear struct {
	*client
	packets chan heard
}

func newEar(t *testing.T, l *lab) *ear {
	t.Helper()
	c := newClient(t, l, mdns.Port)
	e := &ear{c, make(chan heard, 1<<16)}
	go func() {
		for {
			n, _, err := c.conn.ReadFromUDPAddrPort(c.packet[:])
			if err != nil {
				return
			}
			at := time.Now()
			if m, err := wire.Decode(slices.Clone(c.packet[:n])); err == nil {
				e.packets <- heard{at, m}
			}
		}
	}()
	return e
}

// listen returns what was heard up to a time.
func (e *ear) listen(until time.Time) (all []heard) {
	e.each(until, func(h heard) bool {
		all = append(all, h)
		return false
	})
	return all
}

// each hands what is heard to f until it says that it has enough, and reports whether that came to be in time.
func (e *ear) each(until time.Time, f func(heard) bool) bool {
	timeout := time.After(time.Until(until))
	for {
		select {
		case h := <-e.packets:
			if f(h) {
				return true
			}
		case <-timeout:
			return false
		}
	}
}

// announced waits until services first to last are announced, and returns the time of the last one.
func (e *ear) announced(first, last int, patience time.Duration) (at time.Time, ok bool) {
	return e.all(first, last, patience, func(h heard, missing map[string]bool) {
		for _, r := range h.Answers {
			if r.Data.Type() == mdns.TypeSRV && r.TTL > 0 {
				delete(missing, r.Name.Key())
			}
		}
	})
}

// gone waits until there was a goodbye for each of services first to last, and returns the time of the last one.
func (e *ear) gone(first, last int, patience time.Duration) (at time.Time, ok bool) {
	return e.all(first, last, patience, func(h heard, missing map[string]bool) {
		for _, r := range h.Answers {
			if r.TTL > 0 {
				continue
			}
			delete(missing, r.Name.Key())
			if p, ok := r.Data.(mdns.PTR); ok {
				delete(missing, p.Target.Key())
			}
		}
	})
}

// probed waits for a probe for service i.
func (e *ear) probed(i int, patience time.Duration) (at time.Time, ok bool) {
	return e.all(i, i, patience, func(h heard, missing map[string]bool) {
		for _, q := range h.Questions {
			if len(h.Authority) > 0 {
				delete(missing, q.Name.Key())
			}
		}
	})
}

// all waits until f has deleted all the names of services first to last.
func (e *ear) all(first, last int, patience time.Duration, f func(h heard, missing map[string]bool)) (at time.Time, ok bool) {
	missing := map[string]bool{}
	for i := first; i <= last; i++ {
		missing[instance(i).Key()] = true
	}
	ok = e.each(time.Now().Add(patience), func(h heard) bool {
		f(h, missing)
		at = h.at
		return len(missing) == 0
	})
	return at, ok
}

var (
	serviceType = dnsname.MustParse(Type + ".local")
	hostName    = dnsname.MustParse(hostLabel + ".local")
)

func instance(i int) dnsname.Name {
	name, err := serviceType.Child(Name(i))
	if err != nil {
		panic(err)
	}
	return name
}

// encode returns a message as a packet.
func encode(m wire.Message) []byte {
	packet, ok := m.Encode(1472)
	if !ok {
		panic("the message is too long")
	}
	return packet
}

func question(name dnsname.Name, t mdns.Type, qu bool) []byte {
	return encode(wire.Message{Questions: []wire.Query{{Name: name, Type: t, QU: qu}}})
}

// Package admission decides who may use an HTTP server: how many connections at a time, whose, and by which names of
// this host.
package admission

import (
	"net"
	"net/http"
	"sync"
	"time"
)

// Limits bound the connections of a server.
type Limits struct {
	All  int // connections at a time
	Host int // connections of one host at a time; 0: no limit of its own

	// Quiet is the time after which a connection that has moved less than Bytes loses its place to a new one, if there is
	// no other. 0: it keeps its place.
	Quiet time.Duration
	Bytes int64
}

// Listener accepts connections within limits. A new connection for which there is no place gets that of a quiet one, of the
// host with the most connections first; else the newest of a host that has at least two more than the host of the new one;
// else it waits. A host that has all its connections loses its own quiet ones only, else the new one is closed.
//
// The connections stay as they are, since sendfile(2) needs a bare one: the server reports what becomes of them by
// [Listener.State] and [Listener.Moved].
type Listener struct {
	net.Listener
	limits Limits
	freed  chan struct{} // holds a value after a place has become free
	closed chan struct{}
	close  func()

	mu     sync.Mutex
	places map[net.Conn]*place
	hosts  map[string]int // places by host
}

// place is that of a connection.
type place struct {
	host  string
	since time.Time
	fresh time.Time // when it had last moved enough
	moved int64     // bytes since then
}

// New limits the connections of a listener.
func New(l net.Listener, limits Limits) *Listener {
	limited := &Listener{
		Listener: l, limits: limits, freed: make(chan struct{}, 1), closed: make(chan struct{}),
		places: map[net.Conn]*place{}, hosts: map[string]int{},
	}
	limited.close = sync.OnceFunc(func() { close(limited.closed) })
	return limited
}

// Accept waits for a connection, and for a place for it.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.admitted(conn) {
			return conn, nil
		}
		conn.Close()
	}
}

// Close ends Accept.
func (l *Listener) Close() error {
	l.close()
	return l.Listener.Close()
}

// State follows a connection; it is the ConnState of an [http.Server].
func (l *Listener) State(conn net.Conn, state http.ConnState) {
	if state != http.StateClosed && state != http.StateHijacked {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.leave(conn)
	select {
	case l.freed <- struct{}{}:
	default:
	}
}

// Moved counts bytes that the other side of a connection has taken.
func (l *Listener) Moved(conn net.Conn, bytes int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.places[conn]
	if p == nil {
		return
	}
	if p.moved += bytes; p.moved >= l.limits.Bytes {
		p.fresh, p.moved = time.Now(), 0
	}
}

type verdict uint8

const (
	admit verdict = iota
	refuse
	wait
)

// lookTime is how often it is looked for a place while there is none: a connection may have become quiet.
const lookTime = 50 * time.Millisecond

// admitted waits for a place, and reports whether there is one.
func (l *Listener) admitted(conn net.Conn) bool {
	look := time.NewTicker(lookTime)
	defer look.Stop()
	for {
		switch l.judge(conn) {
		case admit:
			return true
		case refuse:
			return false
		}
		select {
		case <-l.freed:
		case <-look.C:
		case <-l.closed:
			return false
		}
	}
}

// judge assigns a place to a connection, if it can have one now.
func (l *Listener) judge(conn net.Conn) verdict {
	host := hostOf(conn)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.limits.Host > 0 && l.hosts[host] >= l.limits.Host:
		if !l.evict(l.quiet(host)) {
			return refuse
		}
	case len(l.places) >= l.limits.All:
		if !l.evict(l.quiet("")) && !l.evict(l.newestBeside(host)) {
			return wait
		}
	}
	now := time.Now()
	l.places[conn] = &place{host: host, since: now, fresh: now}
	l.hosts[host]++
	return admit
}

func hostOf(conn net.Conn) string {
	host, _, _ := net.SplitHostPort(conn.RemoteAddr().String())
	return host
}

// quiet returns the quiet connection that loses its place first, nil if there is none; if a host is named, one of that host.
func (l *Listener) quiet(host string) net.Conn {
	now := time.Now()
	return l.first(func(p *place) bool {
		return l.limits.Quiet > 0 && now.Sub(p.fresh) >= l.limits.Quiet && (host == "" || p.host == host)
	}, func(a, b *place) bool { return a.fresh.Before(b.fresh) })
}

// newestBeside returns the newest connection of the host with the most, nil if none has at least two more than the host
// of a new one.
func (l *Listener) newestBeside(host string) net.Conn {
	return l.first(func(p *place) bool { return l.hosts[p.host] >= l.hosts[host]+2 },
		func(a, b *place) bool { return a.since.After(b.since) })
}

// first returns the connection that comes first among those that may be evicted: of the host with the most, then by before.
func (l *Listener) first(may func(*place) bool, before func(a, b *place) bool) net.Conn {
	var found net.Conn
	var best *place
	for conn, p := range l.places {
		if !may(p) {
			continue
		}
		more := best == nil || l.hosts[p.host] > l.hosts[best.host]
		same := best != nil && l.hosts[p.host] == l.hosts[best.host]
		if more || same && before(p, best) {
			found, best = conn, p
		}
	}
	return found
}

// evict closes a connection, and reports whether there was one.
func (l *Listener) evict(conn net.Conn) bool {
	if conn == nil {
		return false
	}
	l.leave(conn)
	conn.Close()
	return true
}

func (l *Listener) leave(conn net.Conn) {
	p := l.places[conn]
	if p == nil {
		return // it was evicted
	}
	delete(l.places, conn)
	if l.hosts[p.host]--; l.hosts[p.host] == 0 {
		delete(l.hosts, p.host)
	}
}

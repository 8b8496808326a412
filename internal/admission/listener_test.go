package admission

import (
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"announcer/internal/testkit/pipes"
)

// bench is a limited listener whose connections are accepted as they come.
type bench struct {
	t *testing.T
	*Listener
	pipes    *pipes.Listener
	accepted sync.Map // the connections
	ended    chan struct{}
}

func newBench(t *testing.T, limits Limits) *bench {
	p := pipes.Listen()
	b := &bench{t: t, Listener: New(p, limits), pipes: p, ended: make(chan struct{})}
	go func() {
		defer close(b.ended)
		for {
			conn, err := b.Accept()
			if err != nil {
				return
			}
			b.accepted.Store(conn, true)
		}
	}()
	t.Cleanup(func() {
		b.Close()
		<-b.ended
	})
	return b
}

// client is a connection of a test, and the other end of it.
type client struct {
	here, there net.Conn
}

// dial connects from a host.
func (b *bench) dial(host string) client {
	here, there := pipes.Pair(host)
	c := client{here, there}
	go b.pipes.Offer(there)
	synctest.Wait()
	b.t.Cleanup(func() { here.Close() })
	return c
}

func (c client) closed() bool {
	_ = c.here.SetReadDeadline(time.Now())
	_, err := c.here.Read(make([]byte, 1))
	return errors.Is(err, io.EOF)
}

// state returns "open", "closed", or "waiting" where the connection was not accepted.
func (b *bench) state(c client) string {
	if c.closed() {
		return "closed"
	}
	if _, ok := b.accepted.Load(c.there); ok {
		return "open"
	}
	return "waiting"
}

const (
	phone  = "192.0.2.1"
	strong = "192.0.2.66" // has many connections
	other  = "192.0.2.67"
)

// TestAdmission fills a server with four places, at most three of a host, and connects once more.
func TestAdmission(t *testing.T) {
	limits := Limits{All: 4, Host: 3, Quiet: 10 * time.Second, Bytes: 1000}
	for _, test := range []struct {
		name  string
		held  []string      // hosts of the connections that are there, each a second after the one before
		moves []int         // those that move enough at the end
		after time.Duration // after which the last connection comes
		from  string
		want  []string // states of all
	}{
		{"there is room", []string{strong, strong, other}, nil, 0, phone, []string{"open", "open", "open", "open"}},
		{"the host with the most loses its newest", []string{strong, strong, strong, other}, nil, 0, phone,
			[]string{"open", "open", "closed", "open", "open"}},
		{"the quietest of the host with the most", []string{other, strong, strong, strong}, []int{1}, time.Minute, phone,
			[]string{"open", "open", "closed", "open", "open"}},
		{"one connection each, all quiet", []string{"192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5"}, []int{0}, time.Minute, phone,
			[]string{"open", "closed", "open", "open", "open"}},
		{"one connection each, none quiet: it waits", []string{"192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5"}, nil, 0, phone,
			[]string{"open", "open", "open", "open", "waiting"}},
		{"two of two hosts, none quiet", []string{strong, strong, other, other}, nil, 0, phone,
			[]string{"open", "open", "open", "closed", "open"}},
		{"a host's own quiet one", []string{strong, strong, strong}, []int{0}, time.Minute, strong, []string{"open", "closed", "open", "open"}},
		{"a host has all of its own", []string{strong, strong, strong}, []int{0, 1, 2}, time.Minute, strong,
			[]string{"open", "open", "open", "closed"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, limits)
				var all []client
				for _, host := range test.held {
					all = append(all, b.dial(host))
					time.Sleep(time.Second)
				}
				time.Sleep(test.after)
				for _, i := range test.moves {
					b.Moved(all[i].there, limits.Bytes/2)
					b.Moved(all[i].there, limits.Bytes/2)
				}
				all = append(all, b.dial(test.from))
				var got []string
				for _, c := range all {
					got = append(got, b.state(c))
				}
				if !slices.Equal(got, test.want) {
					t.Errorf("%v, want %v", got, test.want)
				}
			})
		})
	}
}

// TestWaiting has a connection that waits until another becomes quiet, or ends.
func TestWaiting(t *testing.T) {
	for name, test := range map[string]struct {
		quiet time.Duration
		free  func(b *bench, c client)
	}{
		"one becomes quiet": {10 * time.Second, func(*bench, client) { time.Sleep(10*time.Second + lookTime) }},
		"one ends":          {time.Hour, func(b *bench, c client) { b.State(c.there, http.StateClosed) }},
		"none is ever quiet": {0, func(b *bench, c client) {
			time.Sleep(10 * time.Minute)
			b.State(c.there, http.StateClosed)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, Limits{All: 1, Quiet: test.quiet})
				first := b.dial(other)
				second := b.dial(phone)
				if got := b.state(second); got != "waiting" {
					t.Fatalf("it is %s", got)
				}
				test.free(b, first)
				synctest.Wait()
				if got := b.state(second); got != "open" {
					t.Errorf("it is %s", got)
				}
			})
		})
	}
}

// TestEndWhileOneWaits closes a listener that has no place.
func TestEndWhileOneWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Limits{All: 1})
		b.dial(other)
		second := b.dial(phone)
		b.Close()
		<-b.ended
		if !second.closed() {
			t.Error("the connection that waits is not closed")
		}
	})
}

// TestCounts wants that a host which comes and goes leaves nothing behind, evicted or not.
func TestCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Limits{All: 2, Quiet: time.Second})
		var all []client
		for range 10 {
			all = append(all, b.dial(phone))
			time.Sleep(2 * time.Second)
		}
		for _, c := range all {
			b.State(c.there, http.StateClosed)
		}
		if len(b.places) != 0 || len(b.hosts) != 0 {
			t.Errorf("left: %v, %v", b.places, b.hosts)
		}
	})
}

//go:build linux

package bench

import (
	"fmt"
	"math"
	"net"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/mdns/wire"
)

// event is something that a responder notices by itself.
type event struct {
	what  string
	most  float64 // ms
	avahi bool    // it notices it, too
	// happens has it happen the i-th time, and returns the time when it had.
	happens func(t *testing.T, l *lab, i int) time.Time
	// isIn reports whether a packet is what follows from it.
	isIn func(i int, m wire.Message) bool
}

// frozen is how long a process does not run that then announces everything again: caches notice more than [mdns.Nap].
const frozen = mdns.Nap + 2*time.Second

// happenings are what the RFC's random wait of up to 250 ms follows (RFC 6762 §8.1), and what takes up to a second more.
func happenings() []event {
	anything := func(int, wire.Message) bool { return true }
	return []event{
		{"a file is added", 350, true, func(t *testing.T, l *lab, i int) time.Time {
			l.addFile(t, i+1)
			return time.Now()
		}, func(i int, m wire.Message) bool { return names(m, instance(i+1).Key()) }},
		{"an address is added", 350, true, func(t *testing.T, l *lab, i int) time.Time {
			l.server.IP(t, "addr", "add", address(i)+"/24", "dev", serverIface)
			return time.Now()
		}, func(i int, m wire.Message) bool { return has(m, address(i)) }},
		{"a link comes up", 350, true, func(t *testing.T, l *lab, _ int) time.Time {
			l.server.IP(t, "link", "set", serverIface, "down")
			time.Sleep(1500 * time.Millisecond)
			l.server.IP(t, "link", "set", serverIface, "up")
			l.running(t)
			return time.Now()
		}, anything},
		{"the host is renamed", 1300, false, func(t *testing.T, l *lab, i int) time.Time {
			l.onServer(t, func() error { return unix.Sethostname(fmt.Appendf(nil, "pbx-%d", i)) })
			return time.Now()
		}, func(i int, m wire.Message) bool {
			return names(m, dnsname.MustParse(fmt.Sprintf("pbx-%d.local", i)).Key())
		}},
		{"the process runs again", 1300, false, func(_ *testing.T, l *lab, _ int) time.Time {
			l.process.cmd.Process.Signal(syscall.SIGSTOP)
			time.Sleep(frozen)
			l.process.cmd.Process.Signal(syscall.SIGCONT)
			return time.Now()
		}, func(_ int, m wire.Message) bool { return names(m, instance(0).Key()) }},
	}
}

func address(i int) string { return fmt.Sprintf("198.51.%d.1", 100+i) }

// names reports whether a message asks for a name, or has a record of it.
func names(m wire.Message, key string) bool {
	return slices.ContainsFunc(m.Questions, func(q wire.Query) bool { return q.Name.Key() == key }) ||
		slices.ContainsFunc(slices.Concat(m.Answers, m.Authority), func(r mdns.Record) bool { return r.Name.Key() == key })
}

// has reports whether a message has the address of a host.
func has(m wire.Message, address string) bool {
	return slices.ContainsFunc(slices.Concat(m.Answers, m.Authority), func(r mdns.Record) bool {
		a, ok := r.Data.(mdns.Address)
		return ok && a.Addr.String() == address
	})
}

// running waits until the link of the responder has a carrier.
func (l *lab) running(t *testing.T) {
	t.Helper()
	const up = net.FlagUp | net.FlagRunning
	for range 5000 {
		var i *net.Interface
		var err error
		l.server.Do(func() { i, err = net.InterfaceByName(serverIface) })
		if err == nil && i.Flags&up == up {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("%s has no carrier after 5 s", serverIface)
}

// events takes the time from an event to the first packet that follows from it, on many networks side by side.
func (r *tables) events(t *testing.T) {
	all := map[string][]*lab{}
	for _, name := range []string{"avahi", "announcer"} {
		for range r.scale.sites {
			all[name] = append(all[name], newLab(t, name, 1))
		}
		r.startAll(t, all[name])
	}
	time.Sleep(max(r.scale.settle, time.Second))
	n := r.scale.sites * r.scale.each
	for _, e := range happenings() {
		if !*full && e.what == "the process runs again" {
			continue
		}
		row := r.row(fmt.Sprintf("%s: first packet, the 99th percentile of %d", e.what, n), 1, "ms", most(e.most))
		for name, labs := range all {
			if name == "avahi" && !e.avahi {
				continue
			}
			took := r.delays(t, e, labs)
			row.set(name, percentile(took, 99))
			if len(took) < n {
				row.fails(name, fmt.Sprintf("%d of %d are missing", n-len(took), n))
			}
		}
	}
}

// startAll starts responders at once, and waits until each has announced its service.
func (r *tables) startAll(t *testing.T, labs []*lab) {
	var group sync.WaitGroup
	for _, l := range labs {
		group.Go(func() {
			if _, _, ok := r.startOne(t, l); !ok {
				t.Errorf("%s has not announced its service", l.name)
			}
		})
	}
	group.Wait()
}

// delays returns how long the responders took for each event, in ms.
func (r *tables) delays(t *testing.T, e event, labs []*lab) (took []float64) {
	var mu sync.Mutex
	var group sync.WaitGroup
	for k, l := range labs {
		group.Go(func() {
			time.Sleep(time.Duration(k) * 50 * time.Millisecond) // they are many, and processors few
			for i := range r.scale.each {
				if d, ok := e.delay(t, l, i); ok {
					mu.Lock()
					took = append(took, milliseconds(d))
					mu.Unlock()
				}
				time.Sleep(max(r.scale.settle/4, 2*time.Second)) // until what followed is over
			}
		})
	}
	group.Wait()
	return took
}

// delay has the event happen, and returns the time until its first packet.
func (e event) delay(t *testing.T, l *lab, i int) (time.Duration, bool) {
	ear := newEar(t, l)
	defer ear.close()
	at := e.happens(t, l, i)
	var first time.Time
	ok := ear.each(time.Now().Add(5*time.Second), func(h heard) bool {
		first = h.at
		return h.at.After(at) && e.isIn(i, h.Message)
	})
	return first.Sub(at), ok
}

// percentile returns the value that so many of 100 do not exceed.
func percentile(values []float64, percent int) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[(len(sorted)*percent+99)/100-1]
}

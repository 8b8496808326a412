// Package memlink is a simulated network for tests: hosts on segments, with loss, delay, duplication, reordering and
// partitions, all drawn from a seed, and a capture that Wireshark reads.
//
// It has two modes. In a network made by [New] time is simulated: nothing happens but what [Net.Run] and [Net.Step]
// make happen, in one goroutine, so that a run with the same seed is the same run and hundreds of hosts cost little. In
// one made by [Live] packets travel in the time of the package time, and [Host.Conn] gives what an engine with
// goroutines needs; in a testing/synctest bubble that takes no real time either.
package memlink

import (
	"math/rand/v2"
	"sync"
	"time"
)

// Start is the time at which simulated time begins.
var Start = time.Date(2030, time.January, 1, 0, 0, 0, 0, time.UTC)

// Net is a network of segments and hosts.
type Net struct {
	live  bool
	seed  uint64
	hosts int
	ports int

	mu     sync.Mutex // over the dice, and over segments and hosts in live mode
	dice   *rand.Rand
	now    time.Duration // since Start
	events queue
}

// New makes a network whose time is simulated.
func New(seed uint64) *Net { return &Net{seed: seed, dice: rand.New(rand.NewPCG(seed, 0))} }

// Live makes a network in real time, or in that of a testing/synctest bubble.
func Live(seed uint64) *Net {
	n := New(seed)
	n.live = true
	return n
}

// Now returns the time.
func (n *Net) Now() time.Time {
	if n.live {
		return time.Now()
	}
	return Start.Add(n.now)
}

// Step makes the next thing happen and reports whether there was one. Time is simulated only.
func (n *Net) Step() bool {
	e, ok := n.events.pop()
	if !ok {
		return false
	}
	n.now = max(n.now, e.at)
	if e.timer != nil {
		e.timer.fire(e.at)
	} else {
		e.port.receive(e.packet)
	}
	return true
}

// StepUntil makes the next thing happen that happens until a time, and reports whether there was one; otherwise it is that
// time then. Time is simulated only.
func (n *Net) StepUntil(until time.Time) bool {
	end := until.Sub(Start)
	if at, ok := n.events.first(); !ok || at > end {
		n.now = max(n.now, end)
		return false
	}
	return n.Step()
}

// Run makes happen what happens until a time. Time is simulated only.
func (n *Net) Run(until time.Time) {
	for n.StepUntil(until) {
	}
}

// At makes f happen at a time. Time is simulated only.
func (n *Net) At(t time.Time, f func()) { n.NewTimer(f).Reset(t) }

// Timer makes something happen at a time that can be changed.
type Timer struct {
	net   *Net
	f     func()
	due   time.Duration // 0: never
	armed time.Duration // the earliest event in the queue that is this timer's; 0: none
}

// NewTimer returns a timer that is not set. Time is simulated only.
func (n *Net) NewTimer(f func()) *Timer { return &Timer{net: n, f: f} }

// Reset sets the timer to a time, the next moment if that has passed, or stops it if that is zero.
func (t *Timer) Reset(at time.Time) {
	if at.IsZero() {
		t.due = 0
		return
	}
	t.due = max(at.Sub(Start), t.net.now, 1)
	t.arm()
}

// arm sees that an event comes when the timer is due or before.
func (t *Timer) arm() {
	if t.armed == 0 || t.due < t.armed {
		t.armed = t.due
		t.net.events.push(event{at: t.due, timer: t})
	}
}

func (t *Timer) fire(at time.Duration) {
	if at == t.armed {
		t.armed = 0
	}
	switch {
	case t.due == 0:
	case t.due > t.net.now:
		t.arm()
	default:
		t.due = 0
		t.f()
	}
}

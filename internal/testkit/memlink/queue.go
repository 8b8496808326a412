package memlink

import (
	"time"

	"announcer/internal/mdns/link"
)

// event is a timer that fires, or a packet that reaches a port.
type event struct {
	at     time.Duration // since Start
	serial uint64        // of two at the same time the one that was pushed first comes first
	timer  *Timer
	port   *Port
	packet *link.Packet
}

// queue is a heap of events. (container/heap would allocate for each.)
type queue struct {
	heap   []event
	serial uint64
}

func (q *queue) before(i, j int) bool {
	a, b := &q.heap[i], &q.heap[j]
	return a.at < b.at || a.at == b.at && a.serial < b.serial
}

func (q *queue) first() (at time.Duration, ok bool) {
	if len(q.heap) == 0 {
		return 0, false
	}
	return q.heap[0].at, true
}

func (q *queue) push(e event) {
	q.serial++
	e.serial = q.serial
	q.heap = append(q.heap, e)
	for i := len(q.heap) - 1; i > 0; {
		parent := (i - 1) / 2
		if !q.before(i, parent) {
			return
		}
		q.heap[i], q.heap[parent] = q.heap[parent], q.heap[i]
		i = parent
	}
}

func (q *queue) pop() (e event, ok bool) {
	if len(q.heap) == 0 {
		return event{}, false
	}
	e = q.heap[0]
	last := len(q.heap) - 1
	q.heap[0] = q.heap[last]
	q.heap[last] = event{}
	q.heap = q.heap[:last]
	for i := 0; ; {
		least := i
		for _, child := range []int{2*i + 1, 2*i + 2} {
			if child < last && q.before(child, least) {
				least = child
			}
		}
		if least == i {
			return e, true
		}
		q.heap[i], q.heap[least] = q.heap[least], q.heap[i]
		i = least
	}
}

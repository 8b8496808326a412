package responder

import (
	"math"
	"math/rand/v2"
	"time"
)

// moment is a time, as the time since the Responder was made.
type moment = time.Duration

const (
	never   = moment(math.MinInt64 / 4) // a time in the past that every interval has passed since
	forever = moment(math.MaxInt64 / 4)
)

// clock has the time that the responder was last told.
type clock struct {
	epoch time.Time // when now was 0
	now   moment
	rand  *rand.Rand
}

// advance takes the time, which never goes back.
func (c *clock) advance(now time.Time) { c.now = max(c.now, now.Sub(c.epoch)) }

// date returns a moment as a time.
func (c *clock) date(at moment) time.Time { return c.epoch.Add(at) }

// random returns a random time from low to high.
func (c *clock) random(low, high moment) moment {
	return low + moment(c.rand.Int64N(int64(high-low)+1))
}

// timer is a place in a queue; the zero timer is in none.
type timer struct {
	at    moment
	order uint32 // of those with the same time, the one that came first is first
	place int32  // index in the queue + 1
}

func (t *timer) clock() *timer { return t }

func (t *timer) queued() bool { return t.place > 0 }

// queue holds things that have a time, the earliest first: a binary heap.
type queue[T interface{ clock() *timer }] struct {
	items []T
	count uint32
}

// set puts an item into the queue, or moves it there.
func (q *queue[T]) set(item T, at moment) {
	t := item.clock()
	q.count++
	t.at, t.order = at, q.count
	if t.place == 0 {
		q.items = append(q.items, item)
		t.place = int32(len(q.items))
	}
	q.down(q.up(int(t.place) - 1))
}

// remove takes an item out; one that is not in the queue stays out.
func (q *queue[T]) remove(item T) {
	t := item.clock()
	if t.place == 0 {
		return
	}
	i, last := int(t.place)-1, len(q.items)-1
	q.swap(i, last)
	q.items[last] = *new(T)
	q.items = q.items[:last]
	t.place = 0
	if i < last {
		q.down(q.up(i))
	}
}

// due gives the first item if its time has come.
func (q *queue[T]) due(now moment) (item T, ok bool) {
	if len(q.items) == 0 || q.items[0].clock().at > now {
		return item, false
	}
	return q.items[0], true
}

// next gives the time of the first item.
func (q *queue[T]) next() moment {
	if len(q.items) == 0 {
		return forever
	}
	return q.items[0].clock().at
}

func (q *queue[T]) less(i, j int) bool {
	a, b := q.items[i].clock(), q.items[j].clock()
	return a.at < b.at || a.at == b.at && int32(a.order-b.order) < 0
}

func (q *queue[T]) swap(i, j int) {
	q.items[i], q.items[j] = q.items[j], q.items[i]
	q.items[i].clock().place = int32(i + 1)
	q.items[j].clock().place = int32(j + 1)
}

func (q *queue[T]) up(i int) int {
	for i > 0 && q.less(i, (i-1)/2) {
		q.swap(i, (i-1)/2)
		i = (i - 1) / 2
	}
	return i
}

func (q *queue[T]) down(i int) {
	for {
		least := i
		for _, child := range [2]int{2*i + 1, 2*i + 2} {
			if child < len(q.items) && q.less(child, least) {
				least = child
			}
		}
		if least == i {
			return
		}
		q.swap(i, least)
		i = least
	}
}

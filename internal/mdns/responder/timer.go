package responder

// timer is a place in a queue; the zero timer is in none.
type timer struct {
	at    moment
	order uint32 // of those with the same time, the one that came first is first
	place int32  // index in the queue + 1
}

func (t *timer) timing() *timer { return t }

func (t *timer) queued() bool { return t.place > 0 }

// queue holds things that have a time, the earliest first: a binary heap.
type queue[T interface{ timing() *timer }] struct {
	items []T
	count uint32
	moved func() // is called when a time may be another one; nil: nothing is
}

// set puts an item into the queue, or moves it there.
func (q *queue[T]) set(item T, at moment) {
	q.note()
	t := item.timing()
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
	t := item.timing()
	if t.place == 0 {
		return
	}
	q.note()
	i, last := int(t.place)-1, len(q.items)-1
	q.swap(i, last)
	q.items[last] = *new(T)
	q.items = q.items[:last]
	t.place = 0
	if i < last {
		q.down(q.up(i))
	}
}

// release drops the memory of an empty queue.
func (q *queue[T]) release() {
	if len(q.items) == 0 {
		q.items = nil
	}
}

func (q *queue[T]) note() {
	if q.moved != nil {
		q.moved()
	}
}

// due returns the first item if its time has come.
func (q *queue[T]) due(now moment) (item T, ok bool) {
	if len(q.items) == 0 || q.items[0].timing().at > now {
		return item, false
	}
	return q.items[0], true
}

// next returns the time of the first item.
func (q *queue[T]) next() moment {
	if len(q.items) == 0 {
		return forever
	}
	return q.items[0].timing().at
}

func (q *queue[T]) less(i, j int) bool {
	a, b := q.items[i].timing(), q.items[j].timing()
	return a.at < b.at || a.at == b.at && int32(a.order-b.order) < 0
}

func (q *queue[T]) swap(i, j int) {
	q.items[i], q.items[j] = q.items[j], q.items[i]
	q.items[i].timing().place = int32(i + 1)
	q.items[j].timing().place = int32(j + 1)
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

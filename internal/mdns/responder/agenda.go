package responder

import "slices"

// agenda has the faces that have something to do, so that those of thousands of other links cost nothing.
type agenda struct {
	queue   queue[*face]
	touched []*face // whose times may have changed since they were last put into the queue
}

// partMost is how many faces do what is due at once. The packets of thousands of links take seconds to send, in which what other
// hosts ask must be heard, and what is heard finds room.
const partMost = 32

// touch notes that the time of a face may have changed.
func (a *agenda) touch(f *face) {
	if !f.touched {
		f.touched = true
		a.touched = append(a.touched, f)
	}
}

// forget takes out a face that is gone.
func (a *agenda) forget(f *face) {
	a.settle()
	a.queue.remove(f)
}

// settle puts the faces that were touched into the queue, each at its time.
func (a *agenda) settle() {
	for _, f := range a.touched {
		f.touched = false
		if at := f.next(); at < forever {
			a.queue.set(f, at)
		} else {
			a.queue.remove(f)
		}
	}
	a.touched = a.touched[:0]
}

// next returns the time of the next thing that a face must do.
func (a *agenda) next() moment {
	a.settle()
	return a.queue.next()
}

// run has the faces do what is due, in their order. If too many have something to do, those that have waited for longest are first,
// and the others stay due. What a face makes due for one before it waits for the next time.
func (a *agenda) run(now moment) {
	due, later := a.take(now, partMost), []*face(nil)
	for i := 0; i < len(due); i++ {
		f := due[i]
		f.run()
		a.touch(f)
		for _, other := range a.take(now, partMost-len(due)) {
			if other.rank > f.rank {
				due = insert(due, i+1, other)
			} else {
				later = append(later, other)
			}
		}
	}
	for _, f := range later {
		a.touch(f)
	}
}

// take takes the faces out that are due, in their order, or some of them if there are more.
func (a *agenda) take(now moment, most int) (due []*face) {
	a.settle()
	for f, ok := a.queue.due(now); ok && len(due) < most; f, ok = a.queue.due(now) {
		a.queue.remove(f)
		due = append(due, f)
	}
	slices.SortFunc(due, func(f, g *face) int { return f.rank - g.rank })
	return due
}

// insert puts a face in its place behind the first n of some, unless it is there.
func insert(all []*face, n int, f *face) []*face {
	i, found := slices.BinarySearchFunc(all[n:], f, func(g, f *face) int { return g.rank - f.rank })
	if found {
		return all
	}
	return slices.Insert(all, n+i, f)
}

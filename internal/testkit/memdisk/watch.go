package memdisk

import (
	"io/fs"
	"os"
	"path"
	"slices"
	"syscall"

	"announcer/internal/disk"
)

// mask is a set of kinds of events, as of inotify(7).
type mask uint8

const (
	created mask = 1 << iota
	movedFrom
	movedTo
	deleted
	attrib
	deleteSelf
	moveSelf
	modify
)

const (
	ofEntries = created | movedFrom | movedTo | deleted | attrib | deleteSelf | moveSelf
	ofWrites  = modify
)

// maxQueue is how many events wait to be handed over before more are lost, as /proc/sys/fs/inotify/max_queued_events has it.
const maxQueue = 16384

// mark is a watch on a node.
type mark struct {
	watch *watch
	node  *node
	mask  mask
	path  string // by which it was added last
}

// event is what waits to be handed over. Without a mark, events before it are lost.
type event struct {
	mark *mark
	kind mask // 0: nothing is watched any more
	name string
}

// watch is a [disk.Watch].
type watch struct {
	process  *Process
	reported chan string
	ended    chan struct{}
	signal   chan struct{}

	// With the lock of the disk:
	queue  []event
	marks  []*mark
	closed bool
}

// Watch implements [disk.FS].
func (p *Process) Watch() (disk.Watch, error) {
	w := &watch{process: p, reported: make(chan string), ended: make(chan struct{}), signal: make(chan struct{}, 1)}
	err := p.call("watch", "", func(d *Disk) error {
		if err := p.mayOpen(); err != nil {
			return err
		}
		if p.limits.Instances > 0 && len(p.watches()) >= p.limits.Instances {
			return syscall.EMFILE
		}
		p.opened = append(p.opened, w)
		d.queues = append(d.queues, w)
		return nil
	})
	if err != nil {
		return nil, os.NewSyscallError("inotify_init1", err)
	}
	go w.follow()
	return w, nil
}

// AddDir implements [disk.Watch].
func (w *watch) AddDir(path string) error { return w.add(path, ofEntries, true) }

// AddFile implements [disk.Watch].
func (w *watch) AddFile(path string) error { return w.add(path, ofWrites, false) }

func (w *watch) add(path string, kinds mask, onlyDir bool) error {
	p := w.process
	err := p.call("add", path, func(d *Disk) error {
		if w.closed {
			return syscall.EBADF
		}
		n, err := d.existing(p.user, path, true)
		switch {
		case err != nil:
			return err
		case onlyDir && !n.mode.IsDir():
			return syscall.ENOTDIR
		}
		if err := n.permits(p.user, mayRead); err != nil {
			return err
		}
		return w.mark(n, path, kinds)
	})
	if err != nil {
		return os.NewSyscallError("inotify_add_watch", err)
	}
	return nil
}

// mark adds kinds of events of a node.
func (w *watch) mark(n *node, path string, kinds mask) error {
	for _, m := range w.marks {
		if m.node == n {
			m.mask, m.path = m.mask|kinds, path
			return nil
		}
	}
	if most := w.process.limits.Watches; most > 0 && w.process.marks() >= most {
		return syscall.ENOSPC
	}
	m := &mark{w, n, kinds, path}
	w.marks = append(w.marks, m)
	n.marks = append(n.marks, m)
	return nil
}

// Events implements [disk.Watch].
func (w *watch) Events() <-chan string { return w.reported }

// Close implements [disk.Watch].
func (w *watch) Close() error {
	return w.process.locked(func(*Disk) error {
		if w.closed {
			return &fs.PathError{Op: "close", Path: "inotify", Err: os.ErrClosed}
		}
		w.process.close(w)
		return nil
	})
}

// shut ends the watch.
func (w *watch) shut() {
	w.closed, w.queue = true, nil
	for _, m := range w.marks {
		m.node.marks = without(m.node.marks, m)
	}
	w.marks = nil
	w.process.disk.queues = without(w.process.disk.queues, w)
	close(w.ended)
}

// follow hands over what happens until the watch is closed.
func (w *watch) follow() {
	defer close(w.reported)
	for {
		path, ok := w.next()
		if !ok {
			select {
			case <-w.signal:
				continue
			case <-w.ended:
				return
			}
		}
		select {
		case w.reported <- path:
		case <-w.ended:
			return
		}
	}
}

// next takes the first event off the queue.
func (w *watch) next() (name string, ok bool) {
	d := w.process.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(w.queue) == 0 {
		return "", false
	}
	e := w.queue[0]
	w.queue = w.queue[1:]
	if e.mark == nil {
		return "", true
	}
	return path.Join(e.mark.path, e.name), true
}

// push has an event wait. It is dropped if it says what the last one says.
func (w *watch) push(e event) {
	if last := len(w.queue) - 1; w.process.disk.full || last >= 0 && w.queue[last] == e {
		return
	}
	if len(w.queue) >= maxQueue {
		e = event{}
		if w.queue[len(w.queue)-1] == e {
			return
		}
	}
	w.queue = append(w.queue, e)
	select {
	case w.signal <- struct{}{}:
	default:
	}
}

// end takes the mark off a node that is gone, which is an event.
func (m *mark) end() {
	m.watch.push(event{mark: m})
	m.watch.marks = without(m.watch.marks, m)
	m.node.marks = without(m.node.marks, m)
}

// happened reports what happened to a node, or to the entry of a directory that has a name. What people do on a file system that
// is elsewhere is not reported.
func (d *Disk) happened(by user, n *node, kind mask, name string) {
	if by == person && n.kind() != "" {
		return
	}
	for _, m := range n.marks {
		if m.mask&kind != 0 {
			m.watch.push(event{m, kind, name})
		}
	}
}

// changed reports what happened to a node in its directory, and to itself.
func (d *Disk) changed(by user, n *node, kind mask) {
	if n.parent != nil {
		d.happened(by, n.parent, kind, n.name)
	}
	d.happened(by, n, kind, "")
}

// without returns a list without a value.
func without[T comparable](all []T, value T) []T {
	return slices.DeleteFunc(slices.Clone(all), func(other T) bool { return other == value })
}

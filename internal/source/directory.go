package source

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"time"

	"announcer/internal/disk"
	"announcer/internal/wakeup"
)

const (
	pollEvery  = 2 * time.Second  // where the system does not report changes
	pollAnyway = 10 * time.Minute // for what neither events nor inodes show
	attempts   = 10               // to find directories that stay the same for a moment
)

// directory is the provider of the definition files in a directory, or of one file.
type directory struct {
	fsys   disk.FS
	path   string
	isFile bool          // it is a file in any case
	poll   time.Duration // between two looks; 0: as the file system needs it

	guard *guard        // of all runs: what hangs does not begin to hang by a reload
	buf   *bytes.Buffer // for reading one file after the other
	items []Item        // yielded last

	links  map[string]bool // the items that are symbolic links: they may lead to another file system
	seen   []sighting      // what the last look found, at the place first
	ways   ways
	events disk.Watch    // nil: there are none
	stale  bool          // what is watched may be something else than what is there now
	failed string        // why some or all events are missing
	system string        // why events alone are not enough on the file system
	every  time.Duration // between two looks without an event
	remark Remark        // why the files are polled; "" if they are not, or if the interval that is set is the reason
	looked time.Time     // the time of the last look
}

// Directory returns the provider of the definition files in a directory, or of the file at that path. It follows changes
// by events. With each [Pulse] it compares inodes and reads a little of each file, since neither a file system that is mounted
// over something nor a disk that fails is an event; and every ten minutes it reads everything. If poll is 0, it reads everything
// every 2 s on a file system that does not report changes made elsewhere; otherwise it does so at that interval.
func Directory(fsys disk.FS, path string, poll time.Duration) Provider {
	return newDirectory(fsys, path, false, poll)
}

// File returns the provider of the file at a path, as [Directory] does. What else is there is an error.
func File(fsys disk.FS, path string, poll time.Duration) Provider {
	return newDirectory(fsys, path, true, poll)
}

func newDirectory(fsys disk.FS, path string, isFile bool, poll time.Duration) *directory {
	return &directory{fsys: fsys, path: path, isFile: isFile, poll: poll, guard: newGuard()}
}

// String returns the path.
func (d *directory) String() string { return d.path }

// Run implements [Provider].
func (d *directory) Run(ctx context.Context, yield func([]Item)) error {
	d.buf, d.items, d.stale = new(bytes.Buffer), nil, true
	defer d.close()
	for reason := changed; reason != ended; reason = d.await(ctx) {
		if returned := d.guard.begin(); returned || reason == changed || !d.isSame() || !time.Now().Before(d.due()) {
			d.prepare()
			yield(d.look())
		} else {
			yield(nil)
		}
	}
	return nil
}

// sighting is what was found at a path.
type sighting struct {
	path    string
	inode   disk.Inode
	reached bool
}

// see returns what is at a path now.
func (d *directory) see(path string) sighting {
	inode, err := call(d, path, func() (disk.Inode, error) { return d.fsys.Inode(path) })
	return sighting{path, inode, err == nil}
}

// isSame reports whether the place and all files can be read, and are what the last look found. It hangs if the place itself
// does.
func (d *directory) isSame() bool {
	return !slices.ContainsFunc(d.seen, func(before sighting) bool {
		return !before.reached || d.see(before.path) != before || d.tryRead(before) != nil
	})
}

// tryRead returns the error of reading what is at a path.
func (d *directory) tryRead(s sighting) error {
	_, err := call(d, s.path, func() (struct{}, error) { return struct{}{}, d.fsys.TryRead(s.path, s.inode) })
	return err
}

// call makes a call for a path. A symbolic link can lead to another file system, which hangs by itself.
func call[T any](d *directory, path string, c func() (T, error)) (T, error) {
	if d.links[path] {
		return attempt(d.guard, path, c)
	}
	return c()
}

// look reads the files. It returns nil if they are what they were.
func (d *directory) look() []Item {
	d.looked, d.seen = time.Now(), append(d.seen[:0], d.see(d.path))
	paths, err := d.list()
	if err != nil {
		return d.news([]Item{{Origin: d.path, Err: err}})
	}
	before := make(map[string][]byte, len(d.items))
	for _, item := range d.items {
		before[item.Origin] = item.Data
	}
	items := make([]Item, 0, len(paths)+1)
	for _, path := range paths {
		if path != d.path {
			d.seen = append(d.seen, d.see(path))
		}
		items = append(items, d.read(path, before[path]))
	}
	if d.remark != "" {
		items = append(items, Item{Origin: d.path, Err: d.remark})
	}
	return d.news(items)
}

// list returns the paths of the files.
func (d *directory) list() ([]string, error) {
	if d.isFile {
		return []string{d.path}, nil
	}
	return expand(d.fsys, d.path, IsDefinition)
}

// news returns items, or nil if they are those that were yielded last.
func (d *directory) news(items []Item) []Item {
	if d.items != nil && sameItems(d.items, items) {
		return nil
	}
	d.items = items
	return items
}

// read returns the item of a file. If the file holds what it did before, the item shares its bytes.
func (d *directory) read(path string, before []byte) Item {
	item := Item{Name: filepath.Base(path), Origin: path}
	if path == d.path {
		item.Name = path
	}
	data, err := d.contents(path)
	switch {
	case err != nil:
		item.Err = err
	case before != nil && bytes.Equal(data, before):
		item.Data = before
	default:
		item.Data = bytes.Clone(data)
	}
	return item
}

// contents reads a file into the buffer. A symbolic link can lead to another file system, which hangs by itself.
func (d *directory) contents(path string) ([]byte, error) {
	if !d.links[path] {
		return readFile(d.fsys, path, d.buf)
	}
	buf := d.buf
	data, err := attempt(d.guard, path, func() ([]byte, error) {
		if isMask(d.fsys, path) {
			return nil, ErrMasked
		}
		return readFile(d.fsys, path, buf)
	})
	if _, hangs := errors.AsType[*hangError](err); hangs {
		d.buf = new(bytes.Buffer) // the call that hangs may still fill the other one
	}
	return data, err
}

// reason is why a provider stops waiting.
type reason uint8

const (
	ended   reason = iota // its context is done
	pulse                 // it is time to see whether the place still answers
	changed               // the files may have changed
)

// await waits for a reason to look again: a change that has settled, or time.
func (d *directory) await(ctx context.Context) reason {
	var changes wakeup.Settling // an editor that saves a file does several things in a row
	poll, beat := wakeup.At(d.due()), wakeup.After(Pulse)
	var happened <-chan string
	if d.events != nil {
		happened = d.events.Events()
	}
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-beat:
			return pulse
		case <-poll:
			return changed
		case <-changes.Over:
			return changed
		case key := <-d.guard.back:
			delete(d.guard.hung, key)
			d.stale = true
		case path, open := <-happened:
			if !open {
				d.stale = true
				return changed
			}
			if !d.ways.concern(path) {
				continue
			}
			d.stale = d.stale || path == "" || d.ways.has(path)
		}
		changes.Changed()
		beat = nil // the look that comes now is one, too
	}
	return ended
}

// prepare has events come from everything that matters now. What happens after it returns is not missed.
func (d *directory) prepare() {
	d.stale = d.stale || d.failed != "" || d.system != "" // what failed may not fail now
	for range attempts {
		found := d.find()
		d.ways.names, d.ways.failed = found.names, found.failed
		if !d.stale && found.same(d.ways) {
			break
		}
		d.watch(found) // and look again: what came before it was watched was not reported
	}
	d.pace()
}

// find returns the ways as they are now.
func (d *directory) find() ways {
	d.links = map[string]bool{}
	w := newWays(d.fsys)
	end, ok := w.walk(d.path)
	if !ok {
		return w
	}
	info, err := d.fsys.Stat(end)
	if err != nil || !info.IsDir() {
		w.fail(end, err)
		return w
	}
	entries, err := d.fsys.ReadDir(end)
	if errors.Is(err, fs.ErrPermission) {
		return w // until its permissions change, which is an event of the directory above
	}
	w.fail(end, err)
	w.dirs[end], w.written[end] = info, info
	for _, e := range entries {
		if IsDefinition(e.Name()) && e.Type()&fs.ModeSymlink != 0 {
			d.follow(filepath.Join(d.path, e.Name()), w)
		}
	}
	return w
}

// follow adds the ways of a symbolic link, unless the file system that it leads to hangs.
func (d *directory) follow(link string, w ways) {
	found, err := attempt(d.guard, link, func() (ways, error) {
		found := newWays(d.fsys)
		found.walk(link)
		return found, nil
	})
	if err == nil {
		w.join(found)
	}
	d.links[link] = true
}

// watching is where events come from.
type watching struct {
	disk.Watch
	failed string // why some events are missing, "" if none
	system string // why events alone are not enough on the file system, "" if they are
}

// watch replaces what events come from.
func (d *directory) watch(w ways) {
	d.close()
	d.ways, d.stale = w, false
	all, err := attempt(d.guard, "events of "+d.path, w.watch)
	d.events, d.failed, d.system = all.Watch, all.failed, all.system
	if err != nil {
		d.failed = "files cannot be watched: " + err.Error()
	}
}

// watch has events come from everything that matters.
func (w ways) watch() (all watching, err error) {
	all.Watch, err = w.fsys.Watch()
	if err != nil {
		return watching{}, err
	}
	all.system = w.eventless()
	if err := w.addTo(all.Watch); err != nil {
		all.failed = err.Error()
	}
	return all, nil
}

// addTo has a watch report everything that matters. It goes on after an error, and returns the last one.
func (w ways) addTo(watch disk.Watch) (err error) {
	for _, dir := range slices.Sorted(maps.Keys(w.dirs)) {
		if failed := watch.AddDir(dir); failed != nil {
			err = fmt.Errorf("%s cannot be watched: %w", dir, failed)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(w.written)) {
		failed := watch.AddFile(path)
		if failed == nil || errors.Is(failed, fs.ErrPermission) || errors.Is(failed, fs.ErrNotExist) {
			continue // its directory reports when that changes
		}
		err = fmt.Errorf("%s cannot be watched: %w", path, failed)
	}
	return err
}

// pace sets the time between two looks. That events fail is a remark in any case; that a file system reports too few is one
// unless the time is set.
func (d *directory) pace() {
	why := cmp.Or(d.failed, d.ways.unread())
	d.every = d.poll
	if d.poll == 0 {
		why = cmp.Or(why, d.system)
		d.every = pollAnyway
		if why != "" {
			d.every = pollEvery
		}
	}
	d.remark = ""
	if why != "" {
		d.remark = Remark(fmt.Sprintf("the definitions are polled every %s: %s", d.every, why))
	}
}

// due returns when the next look is due without an event.
func (d *directory) due() time.Time { return d.looked.Add(wakeup.Until(d.looked, d.interval())) }

// interval returns the time until the next look without an event. It is shorter after a look that could not read something: that a
// process has descriptors again, or that a server answers again, is no event.
func (d *directory) interval() time.Duration {
	hasItem := func(is func(error) bool) bool {
		return slices.ContainsFunc(d.items, func(item Item) bool { return is(item.Err) })
	}
	switch {
	case d.poll == 0 && hasItem(passes):
		return pollEvery
	case hasItem(isUnread):
		return min(d.every, Pulse)
	}
	return d.every
}

// isUnread reports whether the error of an item is one of reading it.
func isUnread(err error) bool {
	_, isRemark := errors.AsType[Remark](err)
	return err != nil && !isRemark && !errors.Is(err, ErrMasked)
}

func (d *directory) close() {
	if d.events != nil {
		d.events.Close()
		d.events = nil
	}
}

// sameError reports whether two errors say the same.
func sameError(a, b error) bool {
	return (a == nil) == (b == nil) && (a == nil || a.Error() == b.Error())
}

// sameItems reports whether two lists of items say the same.
func sameItems(a, b []Item) bool {
	return slices.EqualFunc(a, b, func(a, b Item) bool {
		return a.Name == b.Name && a.Origin == b.Origin && bytes.Equal(a.Data, b.Data) && sameError(a.Err, b.Err) &&
			bytes.Equal(a.Good, b.Good) && reflect.DeepEqual(a.Server, b.Server)
	})
}

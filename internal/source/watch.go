package source

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	settle     = 50 * time.Millisecond  // who saves a file does several things in a row
	settleMost = 500 * time.Millisecond // who never stops is not waited for
	pollEvery  = 2 * time.Second        // where the system doesn't tell of changes
	pollAnyway = time.Minute            // for what it never tells of, such as a file system mounted over a directory
	attempts   = 10                     // to find places that stay the same for a moment
)

// reading is what one [Source.Load] read.
type reading struct {
	config   string
	services []string
	poll     time.Duration // 0: as the file systems need it
}

// tell has the watch look where Load has read.
func (s *Source) tell(r reading) {
	if reflect.DeepEqual(r, s.reads) {
		return
	}
	s.reads = r
	select {
	case <-s.news: // of an older reading
	default:
	}
	s.news <- r
}

// Watch gives a signal after each change of what [Source.Load] reads, and one at the start. It looks at the files that
// the last Load has read, and at the places where they would be, and twice a second at the name of the host. Changes of
// files that follow each other within 50 ms (but not for longer than half a second), or that nobody has received a
// signal of yet, are one. A signal says only that Load may give something else. The channel is closed when ctx is done.
func (s *Source) Watch(ctx context.Context, log *slog.Logger) <-chan struct{} {
	changed := make(chan struct{}, 1)
	signal := func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
	host := HostName()
	var tasks sync.WaitGroup
	tasks.Go(func() { s.watchFiles(ctx, log, signal) })
	tasks.Go(func() { WatchHost(ctx, host, func(string) { signal() }) })
	go func() {
		tasks.Wait()
		close(changed)
	}()
	return changed
}

// watchFiles calls changed at the start and after each change of files, until ctx is done.
func (s *Source) watchFiles(ctx context.Context, log *slog.Logger, changed func()) {
	w := &watcher{news: s.news, log: log, polled: &s.polled}
	defer w.close()
	for w.await(ctx) {
		w.prepare()
		changed()
	}
}

// Polled returns a sentence about why files are looked at again and again, which notices a change later; "" if the
// system reports changes. It may be called at any time.
func (s *Source) Polled() string {
	if s == nil || s.polled.Load() == nil {
		return ""
	}
	return *s.polled.Load()
}

// watcher waits for changes of files.
type watcher struct {
	news   <-chan reading
	log    *slog.Logger
	polled *atomic.Pointer[string] // what [Source.Polled] returns
	reads  reading

	places places
	events *fsnotify.Watcher // nil: there are no events
	stale  bool              // what events watches may be something else than what is there now
	every  time.Duration     // between two looks without an event; 0: never
	why    string            // why there is less to be had than events
}

// await waits for a reason to look at the files: a change that has settled, another set of files, or time. It gives
// false when ctx is done.
func (w *watcher) await(ctx context.Context) bool {
	var poll, quiet, enough <-chan time.Time
	if w.every > 0 {
		poll = time.After(w.every)
	}
	var events <-chan fsnotify.Event
	var errs <-chan error
	if w.events != nil {
		events, errs = w.events.Events, w.events.Errors
	}
	for {
		select {
		case <-ctx.Done():
			return false
		case w.reads = <-w.news:
			return true
		case <-poll:
			return true
		case <-quiet:
			return true
		case <-enough:
			return true
		case e, open := <-events:
			if !open {
				return true
			}
			if !w.places.concern(e.Name) {
				continue
			}
			w.stale = w.stale || w.places.has(e.Name)
		case <-errs: // events were lost
			w.stale = true
		}
		quiet = time.After(settle)
		if enough == nil {
			enough = time.After(settleMost)
		}
	}
}

// prepare has events come from all places that matter now. What happens from its return on is not missed.
func (w *watcher) prepare() {
	w.stale = w.stale || w.why != "" // what failed may not fail now
	for range attempts {
		found := find(w.reads)
		w.places.names, w.places.unread = found.names, found.unread
		if !w.stale && found.same(w.places) {
			break
		}
		w.watch(found) // and look again: what came before it was watched has told nobody
	}
	w.pace()
}

// watch replaces what events come from.
func (w *watcher) watch(p places) {
	w.close()
	w.places, w.stale, w.why = p, false, ""
	events, err := fsnotify.NewWatcher()
	if err != nil {
		w.why = "files can't be watched: " + err.Error()
		return
	}
	w.events = events
	for dir := range p.dirs {
		if err := events.Add(dir); err != nil {
			w.why = dir + " can't be watched: " + err.Error()
		}
	}
}

// pace sets the time to the next look, and reports it if events alone are not enough.
func (w *watcher) pace() {
	before := w.every
	why := cmp.Or(w.why, w.places.unread, w.places.eventless())
	switch {
	case w.reads.poll > 0:
		w.every, why = w.reads.poll, ""
	case why != "":
		w.every = pollEvery
	default:
		w.every = pollAnyway
	}
	var polled string
	if why != "" {
		polled = fmt.Sprintf("the definitions are looked at every %s: %s", w.every, why)
	}
	w.polled.Store(&polled)
	if why != "" && w.every != before {
		w.log.Info("the definitions are looked at regularly", "every", w.every, "reason", why)
	}
}

func (w *watcher) close() {
	if w.events != nil {
		w.events.Close()
		w.events = nil
	}
}

package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"announcer/internal/disk"
	"announcer/internal/remote"
	"announcer/internal/wakeup"
)

// Pulse is the longest time between two looks of a provider at its place.
const Pulse = wakeup.Beat

// Provider watches a place that holds definition files, such as a directory.
type Provider interface {
	fmt.Stringer // the place as it was configured

	// Run yields all items of the place, once at the start and again after each change, until ctx is done. Whenever it
	// has looked and found nothing new, at least once every [Pulse], it yields nil. A place that cannot be read yields
	// an item with an error and no name; that withdraws nothing. Run may block: nothing else waits for it. If it ends
	// by itself, the place is not watched until it is called again, 10 s later.
	Run(ctx context.Context, yield func([]Item)) error
}

// Item is a definition file as a provider found it.
type Item struct {
	Name   string // what makes it the same file as one in another place; "" for the place itself
	Origin string // path or URL: the address of its findings
	Data   []byte // the contents, never changed after they were yielded
	Err    error  // why it cannot be read, or [ErrMissing], or [ErrMasked], or a [Remark]

	Good   []byte        // what Data was when it was last without an error, as far as the provider knows
	Server *remote.State // of the place itself, if it is on a server; never changed after it was yielded
}

// Remark is the error of an item without a name that is about a place which can be read all the same: a sentence worth
// knowing.
type Remark string

func (r Remark) Error() string { return string(r) }

// ErrMissing is the error of a place that does not exist.
var ErrMissing = errors.New("it does not exist" + wantPlace)

const wantPlace = "; want a file, or a directory with files"

// missingError is [ErrMissing] of a place that a symbolic link keeps from existing.
type missingError struct{ link *disk.DanglingError }

func (e missingError) Error() string { return e.link.Error() + wantPlace }

// Is reports whether the other error is [ErrMissing].
func (missingError) Is(other error) bool { return other == ErrMissing }

// missing returns the error of a place that does not exist.
func missing(fsys disk.FS, path string, err error) error {
	if dangling, ok := errors.AsType[*disk.DanglingError](disk.Explained(fsys, path, err)); ok {
		return missingError{dangling}
	}
	return ErrMissing
}

// ErrMasked is the error of an item that hides the items of its name in all later places.
var ErrMasked = errors.New("it is masked")

// retryTime is the time after which a provider that failed runs again.
const retryTime = 10 * time.Second

// task is a provider at work. All fields but provider and again belong to the goroutine that receives the answers.
type task struct {
	provider Provider
	path     string        // for which it was started
	poll     time.Duration // likewise
	remote   remote.Settings
	stop     context.CancelFunc
	again    chan int // the number of the run that is to begin now

	items  []Item    // yielded last; nil: none yet
	err    error     // with which the last run ended
	run    int       // the run that yielded last; 0: none yet
	wanted int       // the run that is asked for
	heard  time.Time // the time of the last answer; before the first one, of the start
}

// answer is what a run of a provider has yielded, or the error that it ended with.
type answer struct {
	from  *task
	run   int
	items []Item
	err   error
}

var errEnded = errors.New("its provider has ended")

// startTask runs a provider until ctx is done or the task is stopped.
func startTask(ctx context.Context, p Provider, answers chan<- answer) *task {
	ctx, stop := context.WithCancel(ctx)
	t := &task{provider: p, stop: stop, again: make(chan int, 1), wanted: 1, heard: time.Now()}
	go func() {
		for run := 1; ctx.Err() == nil; {
			run = t.once(ctx, run, answers)
		}
	}()
	return t
}

// once runs the provider until another run is asked for, and returns the number of that one. A provider that hangs is
// waited for: there are never two runs at a time.
func (t *task) once(ctx context.Context, run int, answers chan<- answer) (next int) {
	runCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	send := func(a answer) {
		select {
		case answers <- a:
		case <-runCtx.Done():
		}
	}
	ended := make(chan error, 1)
	go func() {
		ended <- t.provider.Run(runCtx, func(items []Item) { send(answer{from: t, run: run, items: items}) })
	}()
	select {
	case <-ctx.Done():
		return run
	case next = <-t.again:
		cancel()
		select {
		case <-ended:
		case <-ctx.Done():
		}
		return next
	case err := <-ended:
		send(answer{from: t, run: run, err: cmp.Or(err, errEnded)})
	}
	select {
	case <-ctx.Done():
	case next = <-t.again:
		return next
	case <-time.After(retryTime):
	}
	return run
}

// ask has the provider run again, so that its next answer is what is there now.
func (t *task) ask() {
	t.wanted++
	select {
	case <-t.again:
	default:
	}
	t.again <- t.wanted
}

// take remembers an answer, and reports whether it says something else than before.
func (t *task) take(a answer) (changed bool) {
	changed = !sameError(t.err, a.err)
	t.run, t.err, t.heard = a.run, a.err, time.Now()
	if a.items == nil || t.items != nil && sameItems(t.items, a.items) {
		return changed
	}
	t.items = a.items
	return true
}

// due returns the time at which the task is silent, unless it answers before.
func (t *task) due() time.Time {
	if t.items == nil && t.err == nil {
		return t.heard.Add(startTime)
	}
	return t.heard.Add(silenceTime)
}

// silent reports whether the task has not answered for too long.
func (t *task) silent(now time.Time) bool { return !now.Before(t.due()) }

// owes reports whether the task has not yet answered to the last reload.
func (t *task) owes() bool { return t.run < t.wanted }

// place returns what the provider has yielded.
func (t *task) place(now time.Time) Place {
	p := Place{Path: t.provider.String(), Items: t.items, Err: t.err}
	if t.silent(now) {
		p.Silent = t.heard
	}
	return p
}

package fleet

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"announcer/internal/status"
)

// The times of a reporter.
const (
	leaseTime  = 60 * time.Second // after which a host that reports no more is absent
	keepTime   = 20 * time.Second // between two signs of life
	reportTime = 10 * time.Second // the least between two reports, and the time between two looks for a change
	settleTime = 2 * time.Second  // from a change of what is defined to the look for what came of it
	callTime   = 5 * time.Second  // for a request to the store
	retryTime  = 15 * time.Second // the most between two tries; hosts of one store spread over it
	leaveTime  = time.Second      // for the last request
)

// Reporter writes the presence of a host to a store, under a lease, as long as it runs.
type Reporter struct {
	Open    func(context.Context) (Connection, error) // connects to the store; called again after a failure
	Root    Root
	Site    string
	Host    string
	Machine string                                  // [MachineID], by which two hosts of one name are noticed
	State   func(context.Context) (Presence, error) // the present state
	Restart error                                   // the cause for which ctx ends when another process goes on reporting; nil: none
	Log     *slog.Logger

	since  time.Time // since when there was no gap
	shown  time.Time // the same as it is reported
	kept   time.Time // the last success
	runs   atomic.Bool
	left   chan struct{}
	change chan struct{}

	mu     sync.Mutex
	failed string // why the last try failed, "" if it did not
}

// Connection is a connection to a store.
type Connection interface {
	Leases
	Context() context.Context // ends with the connection; its cause says why
	Close() error
}

// NewReporter returns a reporter; its other fields are to be set before it runs.
func NewReporter(open func(context.Context) (Connection, error), root Root, site, host string, log *slog.Logger) *Reporter {
	return &Reporter{Open: open, Root: root, Site: site, Host: host, Log: log, left: make(chan struct{}), change: make(chan struct{}, 1)}
}

// Changed has the reporter look soon for what has come of a change. It does not block.
func (r *Reporter) Changed() {
	select {
	case r.change <- struct{}{}:
	default:
	}
}

// Hints returns a sentence if the presence is not reported.
func (r *Reporter) Hints() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed == "" {
		return nil
	}
	return []string{"the presence of this host is not reported: " + r.failed}
}

// outcome notes how a try went, and logs it if that is news.
func (r *Reporter) outcome(err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	r.mu.Lock()
	before := r.failed
	r.failed = text
	r.mu.Unlock()
	switch {
	case text != "" && before == "":
		r.Log.Warn("presence not reported; tried again", "site", r.Site, "error", err)
	case text == "":
		r.Log.Info("presence reported", "site", r.Site, "host", r.Host)
	}
}

// String returns "the report of the presence".
func (r *Reporter) String() string { return "the report of the presence" }

// Run reports until ctx is done. A store that can't be reached is asked again, after a time that differs from host to
// host.
func (r *Reporter) Run(ctx context.Context) error {
	r.runs.Store(true)
	defer close(r.left)
	for {
		err := r.session(ctx)
		if ctx.Err() != nil {
			return nil
		}
		r.outcome(err)
		select {
		case <-time.After(time.Second + rand.N(retryTime)):
		case <-ctx.Done():
			return nil
		}
	}
}

// Left waits until the reporter has ended and its presence is gone, for at most a second.
func (r *Reporter) Left() {
	if !r.runs.Load() {
		return
	}
	select {
	case <-r.left:
	case <-time.After(leaveTime):
	}
}

// session reports by one connection, until that ends or ctx is done.
func (r *Reporter) session(ctx context.Context) error {
	store, err := r.Open(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	err = r.hold(ctx, store)
	if lost := context.Cause(store.Context()); lost != nil {
		return lost
	}
	return err
}

// hold reports under one lease, until a request fails, the connection ends or ctx is done.
func (r *Reporter) hold(ctx context.Context, store Connection) error {
	lease, err := r.grant(ctx, store)
	if err != nil {
		return err
	}
	defer r.leave(ctx, store, lease)
	err = r.call(ctx, func(ctx context.Context) error {
		return store.Put(ctx, r.Root.machine(r.Site, r.Host, r.Machine), nil, lease)
	})
	if err != nil {
		return err
	}
	look, keep := time.NewTimer(0), time.NewTicker(keepTime)
	defer look.Stop()
	defer keep.Stop()
	var written []byte
	var next time.Time // before which nothing may be written
	settling := false  // the look for what came of a change is due
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-store.Context().Done():
			return nil
		case <-r.change:
			if !settling {
				look.Reset(max(settleTime, time.Until(next)))
			}
			settling = true
		case <-keep.C:
			if err := r.call(ctx, func(ctx context.Context) error { return store.Keep(ctx, lease) }); err != nil {
				return err
			}
		case <-look.C:
			settling = false
			look.Reset(reportTime)
			data, err := r.report(ctx, store, lease, written)
			if err != nil {
				return err
			}
			if !bytes.Equal(data, written) {
				written, next = data, time.Now().Add(reportTime)
			}
		}
	}
}

// call makes a request to the store, and notes its success.
func (r *Reporter) call(ctx context.Context, request func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	err := request(ctx)
	if err == nil {
		r.kept = time.Now()
	}
	return err
}

// grant begins a lease. It is a gap if the one before has ended.
func (r *Reporter) grant(ctx context.Context, store Leases) (lease Lease, err error) {
	gap := time.Since(r.kept) > leaseTime
	err = r.call(ctx, func(ctx context.Context) error {
		lease, err = store.Grant(ctx, leaseTime)
		return err
	})
	if err == nil && gap {
		r.since = time.Now()
	}
	return lease, err
}

// clockSet is the least difference by which the clock counts as set.
const clockSet = 2 * time.Second

// begun returns since when there was no gap, by the clock of now. It is the same as before unless the clock was set.
func (r *Reporter) begun(now time.Time) time.Time {
	if begun := status.At(now, r.since).Truncate(time.Second); begun.Sub(r.shown).Abs() >= clockSet {
		r.shown = begun
	}
	return r.shown
}

// report writes the presence if it is another one than what is written, and returns it.
func (r *Reporter) report(ctx context.Context, store Leases, lease Lease, written []byte) ([]byte, error) {
	p, err := r.State(ctx)
	if err != nil {
		return nil, err
	}
	p.Since = r.begun(time.Now())
	data := p.encode()
	if bytes.Equal(data, written) {
		return data, nil
	}
	err = r.call(ctx, func(ctx context.Context) error {
		return store.Put(ctx, r.Root.Presence(r.Site, r.Host), data, lease)
	})
	if err == nil && written == nil {
		r.outcome(nil)
	}
	return data, err
}

// leave ends a lease when the host stops reporting, so that it is absent at once. Before a restart the lease stays, and
// the next process is in time for it.
func (r *Reporter) leave(ctx context.Context, store Leases, lease Lease) {
	if ctx.Err() == nil || r.Restart != nil && errors.Is(context.Cause(ctx), r.Restart) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTime)
	defer cancel()
	if err := store.Revoke(ctx, lease); err != nil {
		r.Log.Debug("the presence was not withdrawn", "error", err)
	}
}

//go:build linux

package world

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"announcer/internal/remote"
	"announcer/internal/remote/etcd"
	"announcer/internal/source"
)

// line is the connection of a process to a server of etcd. It implements [etcd.Server].
type line struct {
	*cluster
	process *process
	isFirst bool // it is to the first server
	end     context.CancelCauseFunc
	login   int // the number of logins when it logged in
}

// follow returns the provider of the keys in etcd, the real one with simulated servers.
func (p *process) follow(place string, settings remote.Settings) source.Provider {
	settings.FS, settings.Net = p.fs, &route{Source: p.chance(turnOfCluster)}
	prefix, err := etcd.New(place, settings)
	p.host.must(err)
	prefix.Open = p.connect
	return source.Remote(place, prefix, remote.Cache{Dir: settings.Cache, FS: p.fs}, noRules)
}

// chance returns what decides by chance in a part of the process.
func (p *process) chance(turn int) rand.Source {
	return rand.NewPCG(p.host.truth.world.seed, uint64(1000*p.host.number+turn)^uint64(time.Now().UnixNano()))
}

// connectTime is the longest that a client waits for a connection.
const connectTime = 3 * time.Second

// connect is an [etcd.Opener].
func (p *process) connect(ctx context.Context, address string, wait time.Duration, end context.CancelCauseFunc) (etcd.Server, error) {
	l := &line{p.host.cluster, p, strings.HasPrefix(address, firstServer), end, 0}
	l.begin()
	ctx, cancel := context.WithTimeout(ctx, min(wait, connectTime))
	defer cancel()
	f, err := l.ask(ctx, true)
	if err == nil && (l.isFirst || !f.isOne) {
		err = f.dial
	}
	if err != nil {
		l.Close()
		return nil, remote.Failure(ctx, l.refused(f, err))
	}
	return l, nil
}

// begin counts the connection.
func (l *line) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.opened, l.lines[l] = time.Now(), true
}

// Close implements [etcd.Server].
func (l *line) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.lines, l)
}

// ask waits for the answer to a question, or for a connection, and returns how the servers fail then.
func (l *line) ask(ctx context.Context, isDial bool) (etcdFault, error) {
	gate := &l.process.host.gate
	gate.pass(turnOfCluster)
	defer gate.pass(turnOfCluster)
	for {
		f, stirred := l.state()
		answered := time.After(f.delay())
		if f.hangs && (!isDial || f.dial != nil) {
			answered = nil
		} else {
			stirred = nil
		}
		select {
		case <-ctx.Done():
			return f, ctx.Err()
		case <-answered:
			return f, nil
		case <-stirred:
		}
	}
}

// state returns how the servers fail, and what is closed when that may have changed.
func (c *cluster) state() (f etcdFault, stirred <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fault, c.stirred
}

// delay is the time that an answer takes.
func (f *etcdFault) delay() time.Duration {
	return roundTrip + f.slow + time.Duration(turnOfCluster)*time.Millisecond/10
}

// refused notes that a question is not answered, unless its process does not wait for that.
func (l *line) refused(f etcdFault, err error) error {
	words := f.words
	if errors.Is(err, context.DeadlineExceeded) {
		words = "it does not answer"
	}
	if !errors.Is(err, context.Canceled) {
		l.tidings.add(tiding{process: l.process, words: words})
	}
	return err
}

// expired returns an error if the token of the line has expired.
func (l *line) expired() error {
	if l.login != l.logins {
		return rpctypes.ErrInvalidAuthToken
	}
	return nil
}

// Login implements [etcd.Server].
func (l *line) Login(ctx context.Context, _, _ string) error {
	f, err := l.ask(ctx, false)
	if err = cmp.Or(err, f.login); err != nil {
		return l.refused(f, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.login = l.logins
	return nil
}

// List implements [etcd.Server].
func (l *line) List(ctx context.Context, _ string) (*clientv3.GetResponse, error) {
	f, err := l.ask(ctx, false)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err = cmp.Or(err, f.list, f.answer, l.expired()); err != nil {
		return nil, l.refused(f, err)
	}
	list := &clientv3.GetResponse{Header: l.header(l.now.revision), Count: int64(len(l.now.keys))}
	all := tiding{l.process, "", l.id, true, edit{l.now.revision, map[string]*version{}}}
	for _, file := range slices.Sorted(maps.Keys(l.now.keys)) {
		k := l.now.keys[file]
		list.Kvs = append(list.Kvs, pair(file, k.version, k.revision))
		all.keys[file] = k.version
	}
	if f.part {
		list.Count++
		list.Kvs = list.Kvs[:len(list.Kvs)/2]
		return list, l.refused(f, nil)
	}
	l.tidings.add(all)
	return list, nil
}

// Revision implements [etcd.Server].
func (l *line) Revision(ctx context.Context, _ string) (int64, error) {
	f, err := l.ask(ctx, false)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err = cmp.Or(err, f.answer, l.expired()); err != nil {
		return 0, err
	}
	l.tidings.add(tiding{l.process, "", l.id, false, edit{revision: l.now.revision}})
	return l.now.revision, nil
}

func (l *line) header(revision int64) *etcdserverpb.ResponseHeader {
	return &etcdserverpb.ResponseHeader{ClusterId: l.id, RaftTerm: l.term, Revision: revision}
}

// pair returns a key as etcd does.
func pair(file string, v *version, revision int64) *mvccpb.KeyValue {
	return &mvccpb.KeyValue{Key: []byte(keyPrefix + file), Value: []byte(v.text), ModRevision: revision}
}

// Watch implements [etcd.Server].
func (l *line) Watch(ctx context.Context, _ string, from int64) clientv3.WatchChan {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := &watch{l, from, l.ends, make(chan clientv3.WatchResponse)}
	go w.run(ctx)
	return w.out
}

// watch reports what happens to the keys.
type watch struct {
	*line
	from  int64
	ended int // how often all watches had ended before
	out   chan clientv3.WatchResponse
}

// run reports until the watch ends.
func (w *watch) run(ctx context.Context) {
	defer close(w.out)
	for ctx.Err() == nil && !w.isOver() {
		edits, stirred := w.happened()
		if len(edits) > 0 {
			w.report(ctx, edits)
			continue
		}
		select {
		case <-stirred:
		case <-ctx.Done():
		}
	}
	if w.isCompacted() {
		w.send(ctx, clientv3.WatchResponse{CompactRevision: w.from})
	}
}

// isOver reports whether the servers have ended the watch.
func (w *watch) isOver() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ended != w.ends || w.fault.ends
}

// isCompacted reports whether that was because of a compaction.
func (w *watch) isCompacted() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ended != w.ends && w.compacted
}

// happened returns what the servers can report, and what is closed when that may be more.
func (w *watch) happened() (edits []edit, stirred <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.fault.hangs && w.fault.answer == nil {
		edits = slices.DeleteFunc(slices.Clone(w.history), func(e edit) bool { return e.revision < w.from })
	}
	return edits, w.stirred
}

// report reports edits.
func (w *watch) report(ctx context.Context, edits []edit) {
	f, _ := w.state() // that changes meanwhile is no matter here
	select {
	case <-time.After(f.delay()):
	case <-ctx.Done():
	}
	w.process.host.gate.pass(turnOfCluster)
	for _, e := range edits {
		r := clientv3.WatchResponse{Header: w.header(e.revision)}
		for _, file := range slices.Sorted(maps.Keys(e.keys)) {
			event := &clientv3.Event{Type: clientv3.EventTypePut, Kv: pair(file, e.keys[file], e.revision)}
			if !e.keys[file].here {
				event.Type = clientv3.EventTypeDelete
			}
			r.Events = append(r.Events, event)
		}
		if w.send(ctx, r) {
			w.tidings.add(tiding{w.process, "", w.id, false, e})
			w.from = e.revision + 1
		}
	}
}

// send reports whether the process has taken a response.
func (w *watch) send(ctx context.Context, r clientv3.WatchResponse) bool {
	select {
	case w.out <- r:
		return true
	case <-ctx.Done():
		return false
	}
}

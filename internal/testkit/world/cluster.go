//go:build linux

package world

import (
	"context"
	"maps"
	"math/rand/v2"
	"sync"
	"syscall"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"

	"announcer/internal/remote"
)

// Where a host finds its cluster.
const (
	firstServer  = "etcd1.example.net"
	keyPrefix    = "/announcer/sites/berlin/"
	clusterPlace = "etcd://" + firstServer + ",etcd2.example.net" + keyPrefix
	passwordFile = "/etc/announcer/password"
	etcdServers  = 2
)

// cluster is the servers of etcd that have definitions of a host.
type cluster struct {
	mu        sync.Mutex
	id, term  uint64
	now, then contents // then is from before the last edit
	history   []edit   // what led to now, unless that is from elsewhere
	fault     etcdFault
	changed   time.Time     // when the cluster last became another one
	stirred   chan struct{} // closed then
	ends      int           // how often all watches have ended
	compacted bool          // by a compaction
	logins    int           // how often all tokens have expired
	lines     map[*line]bool
	opened    time.Time // when a connection was last asked for

	tidings collected[tiding]
}

// contents is what the keys of a cluster say at a revision.
type contents struct {
	revision int64
	keys     map[string]key // by file
}

// key is what a key says, since a revision.
type key struct {
	*version
	revision int64
}

// edit is what happened to keys in one revision. A version that is not here is a deletion.
type edit struct {
	revision int64
	keys     map[string]*version
}

func newCluster() *cluster {
	return &cluster{id: 1, term: 2, now: contents{revision: 1}, changed: time.Now(), stirred: make(chan struct{}), lines: map[*line]bool{}}
}

// keyFiles returns the files that are keys.
func keyFiles() []string { return filesThat(isKey) }

// change changes what the cluster is or does.
func (c *cluster) change(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
	c.changed = time.Now()
	close(c.stirred)
	c.stirred = make(chan struct{})
}

// edit writes and deletes keys, all in one revision.
func (c *cluster) edit(keys map[string]*version) {
	c.change(func() {
		maps.DeleteFunc(keys, func(file string, v *version) bool { return !v.here && c.now.keys[file].version == nil })
		if len(keys) == 0 {
			return
		}
		next := contents{c.now.revision + 1, map[string]key{}}
		maps.Copy(next.keys, c.now.keys)
		for file, v := range keys {
			next.keys[file] = key{v, next.revision}
		}
		maps.DeleteFunc(next.keys, func(_ string, k key) bool { return !k.here })
		c.then, c.now = c.now, next
		c.history = append(c.history, edit{next.revision, keys})
	})
}

// rewrite writes and deletes several keys at once, which is announced as soon as the manual says.
func (h *host) rewrite(w *World, dice *rand.Rand) {
	isSoon := h.isSettled() && w.isQuiet() && !h.gate.isShut() && h.cluster.serves()
	keys := map[string]*version{}
	for _, file := range keyFiles() {
		if keys[file] = new(version); dice.IntN(3) > 0 {
			s := h.draw(dice, file)
			keys[file] = &version{s.toml(), s, true, time.Now()}
		}
	}
	h.cluster.edit(keys)
	w.rest(changeTime)
	for _, s := range w.whole() {
		if s.cache.expire(time.Now()); isSoon {
			w.compareHost(s, h)
		}
	}
}

// changeTime is within which a change is on all sites and announced: a second, the time to probe, and that of a goodbye.
const changeTime = time.Second + time.Second + farewellTime

// serves reports whether a process is connected and the servers answer.
func (c *cluster) serves() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.lines) == 1 && c.fault.name == "" && time.Since(c.opened) > time.Second
}

// isAsked reports whether a process has no connection, or has just asked for one.
func (c *cluster) isAsked() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.lines) == 0 || time.Since(c.opened) < time.Second
}

// connections returns how many there are.
func (c *cluster) connections() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.lines)
}

// etcdFault is a way in which the servers of a cluster fail. The zero value is none.
type etcdFault struct {
	name  string
	words string // that the error has; "": the client goes on all the same

	dial   error // why there is no connection; nil: there is one
	isOne  bool  // it is that of the first server only
	hangs  bool  // nothing is answered
	login  error
	list   error
	answer error         // to all questions after the login
	part   bool          // lists are not complete
	ends   bool          // each watch ends at once
	slow   time.Duration // each answer is
}

// etcdFaults are the ways of failing. After each of them, what was known stays announced.
var etcdFaults = []etcdFault{
	{name: "refused", words: "no server listens on that port", dial: syscall.ECONNREFUSED},
	{name: "no route", words: "it can't be reached", dial: syscall.EHOSTUNREACH},
	{name: "one server is gone", words: "no server listens on that port", dial: syscall.ECONNREFUSED, isOne: true},
	{name: "the network hangs", words: "it does not answer", dial: errHangs, hangs: true},
	{name: "the servers hang", words: "it does not answer in time", hangs: true},
	{name: "no leader", words: "the cluster has no leader", login: rpctypes.ErrNoLeader, answer: rpctypes.ErrNoLeader},
	{name: "leaders change", words: "etcdserver: leader changed", list: rpctypes.ErrLeaderChanged},
	{name: "no permission", words: "may not read the keys below", answer: rpctypes.ErrPermissionDenied},
	{name: "another password", words: "it does not accept the user", login: rpctypes.ErrAuthFailed, answer: rpctypes.ErrInvalidAuthToken},
	{name: "too many requests", words: "etcdserver: too many requests", answer: rpctypes.ErrTooManyRequests},
	{name: "part of the list", words: "its list is not complete", part: true},
	{name: "watches end", ends: true},
	{name: "slow", slow: 2 * time.Second},
}

// isMute reports whether no server answers any question.
func (c *cluster) isMute() bool {
	f := &c.fault
	return f.hangs || f.answer != nil || f.dial != nil && !f.isOne
}

// turn is what happens to a cluster once.
type turn struct {
	name string
	take func(c *cluster, dice *rand.Rand)
}

var turns = []turn{
	{"a backup", func(c *cluster, _ *rand.Rand) { c.restore(c.then) }},
	{"another cluster", func(c *cluster, dice *rand.Rand) {
		c.id++
		c.restore(contents{revision: 1 + dice.Int64N(2*c.now.revision)})
	}},
	{"a copy of the cluster", func(c *cluster, _ *rand.Rand) { c.id++; c.restore(c.now) }},
	{"watches end", func(c *cluster, _ *rand.Rand) { c.endWatches(false) }},
	{"a compaction", func(c *cluster, _ *rand.Rand) { c.endWatches(true) }},
	{"another leader", func(c *cluster, _ *rand.Rand) { c.term++; c.endWatches(false) }},
	{"tokens expire", func(c *cluster, _ *rand.Rand) { c.logins++ }},
	{"connections break", func(c *cluster, _ *rand.Rand) { c.hangUp(false) }},
}

// restore has the cluster hold something else.
func (c *cluster) restore(data contents) {
	c.now, c.then, c.history = data, data, nil
	if data.revision == 0 {
		c.now.revision = 1 // nothing was edited yet
	}
	c.hangUp(false)
}

func (c *cluster) endWatches(compacted bool) {
	c.ends++
	c.compacted = compacted
}

// hangUp ends all connections, or those to the first server only.
func (c *cluster) hangUp(isOne bool) {
	for l := range c.lines {
		if !isOne || l.isFirst {
			l.end(remote.Failure(context.Background(), syscall.ECONNRESET))
		}
	}
}

// failCluster has the servers fail in a way, or answer again.
func (h *host) failCluster(dice *rand.Rand) {
	if h.cluster.fault.name != "" {
		h.mendCluster()
	} else {
		h.cluster.fail(etcdFaults[dice.IntN(len(etcdFaults))])
	}
}

// fail has the servers fail in a way.
func (c *cluster) fail(f etcdFault) {
	c.change(func() {
		c.fault = f
		if f.dial != nil && !f.hangs {
			c.hangUp(f.isOne)
		}
	})
}

// mendCluster has the servers answer.
func (h *host) mendCluster() { h.cluster.fail(etcdFault{}) }

// turnCluster has something happen to the cluster.
func (h *host) turnCluster(dice *rand.Rand) {
	h.cluster.change(func() { turns[dice.IntN(len(turns))].take(h.cluster, dice) })
}

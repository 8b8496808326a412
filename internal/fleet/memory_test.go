package fleet

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// memory is a store in memory. Leases end when [memory.expire] ends them.
type memory struct {
	mu       sync.Mutex
	revision int64
	entries  map[string]Entry
	leases   map[Lease]map[string]bool // the keys of each
	log      []Change
	news     chan struct{} // closed after each change
	fail     error         // of every request
	watchers int
}

func newMemory() *memory {
	return &memory{entries: map[string]Entry{}, leases: map[Lease]map[string]bool{}, news: make(chan struct{})}
}

func (m *memory) begin(ctx context.Context) error {
	m.mu.Lock()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return m.fail
}

func (m *memory) Read(ctx context.Context, prefix string, _ int64) (Listing, error) {
	err := m.begin(ctx)
	defer m.mu.Unlock()
	l := Listing{Revision: m.revision}
	for _, key := range slices.Sorted(maps.Keys(m.entries)) {
		if strings.HasPrefix(key, prefix) {
			l.Entries = append(l.Entries, m.entries[key])
		}
	}
	return l, err
}

// change makes changes together.
func (m *memory) change(changes ...Change) int64 {
	m.revision++
	for _, c := range changes {
		c.Revision = m.revision
		if delete(m.entries, c.Key); !c.Deleted {
			m.entries[c.Key] = c.Entry
		}
		m.log = append(m.log, c)
	}
	close(m.news)
	m.news = make(chan struct{})
	return m.revision
}

func (m *memory) Watch(ctx context.Context, prefix string, after int64, yield func([]Change)) error {
	m.count(1)
	defer m.count(-1)
	seen := 0
	for {
		m.mu.Lock()
		var changes []Change
		for _, c := range m.log[seen:] {
			if c.Revision > after && strings.HasPrefix(c.Key, prefix) {
				changes = append(changes, c)
			}
		}
		seen = len(m.log)
		news, err := m.news, m.fail
		m.mu.Unlock()
		if err != nil {
			return err
		}
		if len(changes) > 0 {
			yield(changes)
		}
		select {
		case <-news:
		case <-ctx.Done():
			return nil
		}
	}
}

func (m *memory) count(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.watchers += n
}

func (m *memory) Grant(ctx context.Context, _ time.Duration) (Lease, error) {
	err := m.begin(ctx)
	defer m.mu.Unlock()
	if err != nil {
		return 0, err
	}
	lease := Lease(len(m.leases) + 1)
	m.leases[lease] = map[string]bool{}
	return lease, nil
}

func (m *memory) Keep(ctx context.Context, lease Lease) error {
	err := m.begin(ctx)
	defer m.mu.Unlock()
	if err == nil && m.leases[lease] == nil {
		err = fmt.Errorf("lease %d has ended", lease)
	}
	return err
}

func (m *memory) Put(ctx context.Context, key string, value []byte, lease Lease) error {
	err := m.begin(ctx)
	defer m.mu.Unlock()
	switch {
	case err != nil:
		return err
	case lease != 0 && m.leases[lease] == nil:
		return fmt.Errorf("lease %d has ended", lease)
	}
	for _, keys := range m.leases {
		delete(keys, key)
	}
	if lease != 0 {
		m.leases[lease][key] = true
	}
	m.change(Change{Entry: Entry{Key: key, Value: value}})
	return nil
}

func (m *memory) Revoke(ctx context.Context, lease Lease) error {
	err := m.begin(ctx)
	defer m.mu.Unlock()
	if err == nil {
		m.end(lease)
	}
	return err
}

// end deletes the keys of a lease.
func (m *memory) end(lease Lease) {
	for key := range m.leases[lease] {
		m.change(Change{Entry: Entry{Key: key}, Deleted: true})
	}
	m.leases[lease] = nil
}

// expire ends all leases.
func (m *memory) expire() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for lease := range m.leases {
		m.end(lease)
	}
}

// breakdown has every request fail from now on, or none if err is nil.
func (m *memory) breakdown(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = err
	close(m.news)
	m.news = make(chan struct{})
}

// value returns the value of a key, "" if there is none.
func (m *memory) value(key string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return string(m.entries[key].Value)
}

// writes returns the revision, which is the number of changes.
func (m *memory) writes() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.revision
}

// Context implements [Connection].
func (m *memory) Context() context.Context { return context.Background() }

// Close implements [Connection].
func (m *memory) Close() error { return nil }

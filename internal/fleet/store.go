// Package fleet rolls definitions out to the sites of a fleet, and reports how each host of it stands.
//
// Everything is in a store, below a root such as /announcer: definitions in sites/SITE/FILE, the states of hosts in
// presence/SITE/HOST, and for each site its last push, with the values before it, in pushes/SITE. What hosts announce
// depends on the definitions alone.
package fleet

import (
	"context"
	"time"
)

// Store is a key-value store whose every change has a revision, a number that grows, such as etcd.
type Store interface {
	// Read returns the keys that begin with a prefix as they were at a revision, 0 for now, in byte order.
	Read(ctx context.Context, prefix string, at int64) (Listing, error)

	// Watch yields all changes after a revision of keys that begin with a prefix, in order, until ctx is done. An error
	// means that changes may be lost.
	Watch(ctx context.Context, prefix string, after int64, yield func([]Change)) error
}

// Leases is the part of a store that keeps a key for as long as a client wants it kept.
type Leases interface {
	// Grant returns a lease that ends after a time unless it is kept.
	Grant(ctx context.Context, life time.Duration) (Lease, error)

	// Keep begins the time of a lease again. It returns an error if the lease has ended.
	Keep(ctx context.Context, lease Lease) error

	// Put sets a key, which is deleted when its lease ends.
	Put(ctx context.Context, key string, value []byte, lease Lease) error

	// Revoke ends a lease.
	Revoke(ctx context.Context, lease Lease) error
}

// Lease is the number of a lease in its store.
type Lease int64

// Listing holds keys as they were at a revision.
type Listing struct {
	Revision int64
	Entries  []Entry
}

// Entry is a key with its value.
type Entry struct {
	Key      string
	Value    []byte
	Revision int64 // of its last change
}

// Change is an entry that was set, or a key that was deleted.
type Change struct {
	Entry
	Deleted bool
}

// Root is the beginning of all keys of a fleet, such as "/announcer", without a slash at its end.
type Root string

// The parts of a fleet.
const (
	definitions = "sites"
	presences   = "presence"
	pushes      = "pushes"
	common      = "common"
)

// parts returns all parts of a fleet.
func parts() []string { return []string{definitions, presences, pushes, common} }

// Common is named instead of a site for the definitions that all sites take. No site has that name.
const Common = common + "/"

// part returns the beginning of the keys of a part.
func (r Root) part(name string) string { return string(r) + "/" + name + "/" }

// site returns the beginning of the keys of the definitions of a site.
func (r Root) site(site string) string {
	if site == Common {
		return r.part(common)
	}
	return r.part(definitions) + site + "/"
}

// push returns the key of the last push to a site.
func (r Root) push(site string) string { return r.part(pushes) + site }

// Presence returns the key of the presence of a host.
func (r Root) Presence(site, host string) string { return r.part(presences) + site + "/" + host }

// machine returns a key that a machine has while it reports as a host.
func (r Root) machine(site, host, id string) string { return r.Presence(site, host) + "/" + id }

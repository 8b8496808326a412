package fleet

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"announcer/internal/testkit/etcdtest"
)

// TestEtcd wants etcd to be the store that the rollouts in memory are tested with.
func TestEtcd(t *testing.T) {
	store, ctx := dial(t, etcdtest.Start(t).Nodes[0].Address, ""), t.Context()
	first, err := store.Commit(ctx, Transaction{Prefix: "/a/", Last: map[string]int64{"/a/x": 0}, Put: map[string][]byte{"/a/x": []byte("1"), "/a/y": []byte("1"), "/b": []byte("1")}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		t    Transaction
		err  error
	}{
		{"a key that exists", Transaction{Prefix: "/c/", Last: map[string]int64{"/a/x": 0}}, ErrChanged},
		{"a prefix that was changed", Transaction{Prefix: "/a/", Since: first - 1}, ErrChanged},
		{"a key that was changed", Transaction{Prefix: "/c/", Last: map[string]int64{"/b": first - 1}}, ErrChanged},
		{"nothing changed", Transaction{Prefix: "/a/", Since: first, Last: map[string]int64{"/a/x": first, "/a/z": 0}, Put: map[string][]byte{"/a/z": nil}, Delete: []string{"/a/y"}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := store.Commit(ctx, c.t); !errors.Is(err, c.err) {
				t.Errorf("%v; want %v", err, c.err)
			}
		})
	}
	listing, err := store.Read(ctx, "/a/", 0)
	if keys := keysOf(listing); err != nil || keys != "/a/x /a/z" {
		t.Errorf("%s, %v", keys, err)
	}
	listing, err = store.Read(ctx, "/a/", first)
	if keys := keysOf(listing); err != nil || keys != "/a/x /a/y" || listing.Revision != first {
		t.Errorf("at %d: %s, %v", listing.Revision, keys, err)
	}
	watching, cancel := context.WithCancel(ctx)
	var seen []string
	err = store.Watch(watching, "/a/", first, func(changes []Change) {
		for _, c := range changes {
			seen = append(seen, strings.TrimPrefix(c.Key, "/a/")+map[bool]string{true: "-", false: "+"}[c.Deleted])
		}
		cancel()
	})
	if slices.Sort(seen); !slices.Equal(seen, []string{"y-", "z+"}) || !errors.Is(err, context.Canceled) {
		t.Errorf("%q, %v", seen, err)
	}
	if _, err := store.Client.Compact(ctx, first+1); err != nil {
		t.Fatal(err)
	}
	if err := store.Watch(ctx, "/a/", first-1, func([]Change) { t.Error("changes that are compacted") }); err == nil {
		t.Error("no error of a watch that has lost changes")
	}
}

func keysOf(l Listing) string {
	var keys []string
	for _, e := range l.Entries {
		keys = append(keys, e.Key)
	}
	return strings.Join(keys, " ")
}

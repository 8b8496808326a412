package fleet

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"announcer/internal/remote"
	"announcer/internal/testkit/etcdtest"
)

// dial returns a store as a user of a server, "" for none.
func dial(t *testing.T, address, user string) Etcd {
	t.Helper()
	store, err := Dial(t.Context(), "etcd://"+address+"/announcer/", settings(t, user))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return store
}

// settings returns those of a user, "" for none.
func settings(t *testing.T, user string) remote.Settings {
	t.Helper()
	if user == "" {
		return remote.Settings{}
	}
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte(user), 0o600); err != nil {
		t.Fatal(err)
	}
	return remote.Settings{User: user, PasswordFile: file}
}

// TestEtcdRoles wants a host that may write its presence alone to report, and to be able to do nothing else.
func TestEtcdRoles(t *testing.T) {
	address, ctx := etcdtest.Start(t).Nodes[0].Address, t.Context()
	admin := dial(t, address, "").Client
	grant := func(role string, kind clientv3.PermissionType, prefix string) {
		t.Helper()
		if _, err := admin.RoleGrantPermission(ctx, role, prefix, clientv3.GetPrefixRangeEnd(prefix), kind); err != nil {
			t.Fatal(err)
		}
	}
	for _, user := range []string{"root", "berlin", "bonn"} {
		_, err1 := admin.UserAdd(ctx, user, user)
		_, err2 := admin.RoleAdd(ctx, user)
		_, err3 := admin.UserGrantRole(ctx, user, user)
		if err := errors.Join(err1, err2, err3); err != nil {
			t.Fatal(err)
		}
		if user != "root" {
			grant(user, clientv3.PermissionType(clientv3.PermRead), root.site(user))
			grant(user, clientv3.PermissionType(clientv3.PermWrite), root.part(presences)+user+"/")
		}
	}
	if _, err := admin.Put(ctx, root.site("bonn")+"a.service", "x"); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.AuthEnable(ctx); err != nil {
		t.Fatal(err)
	}
	berlin, all := dial(t, address, "berlin"), dial(t, address, "root")
	for _, c := range []struct {
		name string
		do   func() error
		want bool
	}{
		{"read its definitions", func() error { _, err := berlin.Read(ctx, root.site("berlin"), 0); return err }, true},
		{"write its presence", func() error { return berlin.Put(ctx, root.Presence("berlin", "other"), nil, 0) }, true},
		{"write its definitions", func() error { return berlin.Put(ctx, root.site("berlin")+"a.service", nil, 0) }, false},
		{"read others", func() error { _, err := berlin.Read(ctx, root.site("bonn"), 0); return err }, false},
		{"write others", func() error { return berlin.Put(ctx, root.Presence("bonn", "pbx"), nil, 0) }, false},
		{"read all", func() error { _, err := Read(ctx, berlin, root); return err }, false},
		{"write a push", func() error { return berlin.Put(ctx, root.push("berlin"), nil, 0) }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := c.do(); (err == nil) != c.want {
				t.Errorf("%v", err)
			}
		})
	}
	reportAndLeave(t, address, settings(t, "berlin"), all)
}

// reportAndLeave wants a host that reports to an address to be seen by a reader, and to be gone when it leaves.
func reportAndLeave(t *testing.T, address string, site remote.Settings, reader Store) {
	t.Helper()
	r := NewReporter(func(ctx context.Context) (Connection, error) {
		return DialOne(ctx, "etcd://"+address+"/announcer/", site)
	}, root, "berlin", "pbx", slog.New(slog.DiscardHandler))
	r.State = func(context.Context) (Presence, error) { return Presence{Revision: 7}, nil }
	ctx := t.Context()
	running, end := context.WithCancel(ctx)
	go r.Run(running)
	f, err := Follow(ctx, ctx, reader, root)
	for err == nil && f.site("berlin").hosts["pbx"].Revision != 7 {
		err = f.Next(ctx, ctx)
	}
	end()
	r.Left()
	for err == nil && f.site("berlin").hosts["pbx"].Revision == 7 {
		err = f.Next(ctx, ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestEtcdRestart wants a host to notice at once that its server is killed, and to report again soon after it has started.
func TestEtcdRestart(t *testing.T) {
	cluster := etcdtest.Start(t)
	node := cluster.Nodes[0]
	lost := make(chan error, 1)
	open := func(ctx context.Context) (Connection, error) {
		c, err := DialOne(ctx, "etcd://"+node.Address+"/announcer/", remote.Settings{})
		if err == nil {
			context.AfterFunc(c.Context(), func() { lost <- context.Cause(c.Context()) })
		}
		return c, err
	}
	r := NewReporter(open, root, "berlin", "pbx", slog.New(slog.DiscardHandler))
	r.State = func(context.Context) (Presence, error) { return Presence{}, nil }
	running, end := context.WithCancel(t.Context())
	defer r.Left()
	defer end()
	go r.Run(running)
	await := func(after int64) (revision int64) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
			if kv, err := cluster.Client.Get(t.Context(), root.Presence("berlin", "pbx")); err == nil && len(kv.Kvs) > 0 && kv.Kvs[0].ModRevision > after {
				return kv.Kvs[0].ModRevision
			}
		}
		t.Fatal("it does not report")
		return 0
	}
	first := await(0)
	node.Kill()
	select {
	case err := <-lost:
		if err == nil || len(r.Hints()) > 1 {
			t.Errorf("lost by %v, with the hints %q", err, r.Hints())
		}
	case <-time.After(keepTime / 2):
		t.Error("it does not notice that the server is gone")
	}
	node.Start(t)
	cluster.Connect(t)
	await(first)
}

// TestEtcdRelay wants a host to report, and to leave, by way of etcd's gRPC proxy.
func TestEtcdRelay(t *testing.T) {
	cluster := etcdtest.Start(t)
	relay := cluster.Relay(t)
	reportAndLeave(t, relay.Nodes[0].Address, remote.Settings{}, dial(t, cluster.Nodes[0].Address, ""))
}

// TestEtcdLease wants the end of a lease to delete its key, and to be noticed.
func TestEtcdLease(t *testing.T) {
	store, ctx := dial(t, etcdtest.Start(t).Nodes[0].Address, ""), t.Context()
	lease, err := store.Grant(ctx, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(store.Put(ctx, "/a", []byte("x"), lease), store.Keep(ctx, lease), store.Revoke(ctx, lease)); err != nil {
		t.Fatal(err)
	}
	listing, err := store.Read(ctx, "/a", 0)
	if err != nil || len(listing.Entries) > 0 {
		t.Errorf("%v, %v", listing, err)
	}
	if err := store.Keep(ctx, lease); err == nil {
		t.Error("a lease that has ended is kept")
	}
}

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
	settings := remote.Settings{User: user}
	if user != "" {
		settings.PasswordFile = filepath.Join(t.TempDir(), "password")
		if err := os.WriteFile(settings.PasswordFile, []byte(user), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	store, err := Dial(t.Context(), "etcd://"+address+"/announcer/", settings)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return store
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
	running, end := context.WithCancel(ctx)
	r := NewReporter(func(context.Context) (Connection, error) { return dial(t, address, "berlin"), nil }, root, "berlin", "pbx", slog.New(slog.DiscardHandler))
	r.State = func(context.Context) (Presence, error) { return Presence{Revision: 7}, nil }
	go r.Run(running)
	f, err := Follow(ctx, ctx, all, root)
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

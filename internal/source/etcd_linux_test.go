package source

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"announcer/internal/diag"
	"announcer/internal/disk"
	"announcer/internal/remote"
	"announcer/internal/testkit/etcdtest"
)

// TestEtcd has a source take its definitions from a real cluster: each key by itself, and a restart without the cluster.
func TestEtcd(t *testing.T) {
	const prefix = "/announcer/sites/berlin/"
	c := etcdtest.Start(t, "--max-request-bytes", "10000000")
	c.Put(t, prefix+"good.service", serviceFile("good"))
	c.Put(t, prefix+"turns-bad.service", serviceFile("old"))
	c.Put(t, prefix+"bad.service", "<service-group>")
	c.Put(t, prefix+"empty.toml", "")
	c.Put(t, prefix+"long.service", serviceFile("long")+strings.Repeat(" ", MaxFile))
	c.Put(t, prefix+"deep/x.service", serviceFile("deep"))
	c.Put(t, prefix+"README", "notes")
	c.Put(t, prefix, "nothing")
	place := "etcd://" + c.Nodes[0].Address + prefix
	cache := t.TempDir()
	start := func() (updates <-chan Update, stop func()) {
		s := New(Request{Services: []string{place}, Waits: true})
		s.Open = func(place string, poll time.Duration, settings remote.Settings) Provider {
			settings.Cache = cache
			return Open(disk.OS, place, poll, settings, s.Rules)
		}
		ctx, cancel := context.WithCancel(context.Background())
		t.Cleanup(cancel)
		go s.Run(ctx)
		return s.Updates(), cancel
	}
	await := func(updates <-chan Update, want string, ok func(Snapshot) bool) Snapshot {
		t.Helper()
		timeout := time.After(20 * time.Second)
		for last := ""; ; {
			select {
			case u := <-updates:
				last = defined(u.Snapshot, "?")
				if strings.HasSuffix(last, want) && ok(u.Snapshot) {
					return u.Snapshot
				}
			case <-timeout:
				t.Fatalf("it is %s; want %s", last, want)
			}
		}
	}
	found := func(texts ...string) func(Snapshot) bool {
		return func(s Snapshot) bool {
			for _, text := range texts {
				if !slices.ContainsFunc(s.Findings.Errors(), func(f diag.Finding) bool { return strings.Contains(f.String(), text) }) {
					return false
				}
			}
			return true
		}
	}
	both := place + "good.service=good " + place + "turns-bad.service=old"
	updates, stop := start()
	snap := await(updates, both, found(
		place+"bad.service:", place+"empty.toml: it is empty; want a definition in it", place+"long.service: it has more than 1048576 bytes",
		place+"deep/x.service: its name is none of a definition", place+"README: its name is none of a definition", place+": its name is none of a definition"))
	if p := snap.Places[0]; p.Refused != 6 || p.Files != 8 || p.Server == nil || !p.Server.Connected || p.Server.Revision != "9" {
		t.Errorf("the place is %+v, its server %+v", p, p.Server)
	}
	c.Put(t, prefix+"turns-bad.service", "<service-group>")
	await(updates, both, found(place+"turns-bad.service:"))
	stop()
	c.Nodes[0].Kill()
	updates, _ = start()
	await(updates, both, func(s Snapshot) bool {
		return len(s.Places) > 0 && s.Places[0].Server != nil && strings.Contains(s.Places[0].Server.Error, "no server listens")
	})
	c.Nodes[0].Start(t)
	c.Put(t, prefix+"turns-bad.service", serviceFile("new"))
	await(updates, place+"good.service=good "+place+"turns-bad.service=new", found(place+"bad.service:"))
	c.Delete(t, prefix+"good.service")
	await(updates, place+"turns-bad.service=new", func(s Snapshot) bool { return len(s.Publications) == 1 })
}

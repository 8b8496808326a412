package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"announcer/internal/fleet"
	"announcer/internal/remote"
	"announcer/internal/testkit/etcdtest"
	"announcer/internal/testkit/netlab"
)

const fleetRoot = fleet.Root("/announcer")

// fleetTest is an etcd with sites, each with a host that takes what is pushed, and the commands that work on it.
type fleetTest struct {
	t     *testing.T
	url   string
	store fleet.Etcd
	dir   string
	hosts map[string]bool // the sites that have one

	mu      sync.Mutex
	refuses string       // the site whose host refuses what is pushed
	written func(string) // is called with the name of each site that was pushed to; nil: nothing is
}

// newFleet starts the store and hosts of n sites: s01, s02 and so on.
func newFleet(t *testing.T, n int) *fleetTest {
	t.Helper()
	netlab.Need(t)
	address := etcdtest.Start(t).Nodes[0].Address
	store, err := fleet.Dial(t.Context(), "etcd://"+address+"/announcer/", remote.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	f := &fleetTest{t: t, url: "etcd://" + address + string(fleetRoot) + "/", store: store, dir: t.TempDir(), hosts: map[string]bool{}}
	for i := range n {
		f.hosts[site(i+1)] = true
		f.report(site(i+1), fleet.Presence{Settled: true})
	}
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	listing, err := store.Read(ctx, string(fleetRoot), 0)
	if err != nil {
		t.Fatal(err)
	}
	go store.Watch(ctx, string(fleetRoot)+"/sites/", listing.Revision, f.take)
	return f
}

func site(n int) string { return fmt.Sprintf("s%02d", n) }

// report writes the presence of the host of a site.
func (f *fleetTest) report(site string, p fleet.Presence) {
	p.Version, p.Since, p.Services.Announced = formatVersion, time.Now(), 1
	p.Services.Defined = p.Services.Announced
	data, err := json.Marshal(p)
	if err == nil {
		err = f.store.Put(f.t.Context(), fleetRoot.Presence(site, "pbx"), data, 0)
	}
	if err != nil && f.t.Context().Err() == nil {
		f.t.Error(err)
	}
}

// take has hosts take changes.
func (f *fleetTest) take(changes []fleet.Change) {
	f.mu.Lock()
	defer f.mu.Unlock()
	revisions := map[string]int64{}
	for _, c := range changes {
		name, _, _ := strings.Cut(strings.TrimPrefix(c.Key, string(fleetRoot)+"/sites/"), "/")
		if f.hosts[name] {
			revisions[name] = c.Revision
		}
	}
	for name, revision := range revisions {
		p := fleet.Presence{Revision: revision, Settled: true}
		if name == f.refuses {
			p.Refused = []fleet.Refused{{File: "dpma.service", Why: "dpma.service:1:1: unknown to this version"}}
			p.Problems = []string{p.Refused[0].Why}
		}
		if f.written != nil {
			f.written(name)
		}
		f.report(name, p)
	}
}

// run runs a command, and wants an exit code.
func (f *fleetTest) run(code int, args ...string) (stdout, stderr string) {
	f.t.Helper()
	var out, errOut bytes.Buffer
	if got := run(append(args, "--etcd", f.url), &out, &errOut); got != code {
		f.t.Fatalf("%q exits with %d; want %d\n%s%s", args, got, code, &out, &errOut)
	}
	return out.String(), errOut.String()
}

// TestSitesWatch wants a line for each change of a host.
func TestSitesWatch(t *testing.T) {
	f := newFleet(t, 1)
	cmd := exec.Command(filepath.Join(binDir(t), "announcer"), "sites", "--watch", "--json", "--etcd", f.url)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	lines := json.NewDecoder(out)
	var seen []string
	for _, step := range []func(){
		func() { f.report("s01", fleet.Presence{Problems: []string{"no link"}}) },
		func() { f.report("s02", fleet.Presence{}) },
		func() {},
	} {
		var line siteOutput
		if err := lines.Decode(&line); err != nil {
			t.Fatal(err)
		}
		seen = append(seen, fmt.Sprint(line.Host.Site, line.Host.Problems))
		step()
	}
	if want := []string{"s01[]", "s01[no link]", "s02[]"}; !slices.Equal(seen, want) {
		t.Errorf("%q; want %q", seen, want)
	}
}

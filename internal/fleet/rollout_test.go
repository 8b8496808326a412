package fleet

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// company is a store with sites, each with a host that takes its definitions.
type company struct {
	*memory
	commits  int // transactions that were made
	dieAfter int // commits after which the client is killed; 0: never
	sites    []string
	refuses  map[string]string // what hosts of these sites say instead
	slow     map[string]bool   // hosts of these sites take nothing
	lost     map[string]bool   // hosts of these sites go when there is something to take
}

// newCompany makes n sites s01, s02 and so on, each with the file "a.service".
func newCompany(t *testing.T, n int) *company {
	t.Helper()
	c := &company{memory: newMemory(), refuses: map[string]string{}, slow: map[string]bool{}, lost: map[string]bool{}}
	for i := range n {
		site := fmt.Sprintf("s%02d", i+1)
		c.sites = append(c.sites, site)
		c.put(root.site(site)+"a.service", "old")
	}
	for _, site := range c.sites {
		c.report(site, Presence{Revision: c.writes(), Settled: true, Problems: []string{"an old problem"}})
	}
	ctx := t.Context()
	go c.Watch(ctx, root.part(definitions), c.writes(), func(changes []Change) { c.take(ctx, changes) })
	return c
}

func (c *company) put(key, value string) {
	if err := c.Put(context.Background(), key, []byte(value), 0); err != nil {
		panic(err)
	}
}

func (c *company) delete(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.change(Change{Entry: Entry{Key: key}, Deleted: true})
}

// report writes the presence of the host of a site.
func (c *company) report(site string, p Presence) {
	c.put(root.Presence(site, "pbx"), string(versioned(p)))
}

// take has hosts take changes, a second later.
func (c *company) take(ctx context.Context, changes []Change) {
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
		return
	}
	taken := map[string]Presence{}
	for _, change := range changes {
		site, _, _ := strings.Cut(strings.TrimPrefix(change.Key, root.part(definitions)), "/")
		p := taken[site]
		p.Revision, p.Settled, p.Problems = change.Revision, true, []string{"an old problem"}
		if why := c.refuses[site]; why != "" && string(change.Value) == "bad" {
			p.Refused = []Refused{{File: change.Key, Why: why}}
		}
		taken[site] = p
	}
	for site, p := range taken {
		switch {
		case c.lost[site]:
			c.delete(root.Presence(site, "pbx"))
		case !c.slow[site]:
			c.report(site, p)
		}
	}
}

// errKilled stands for the end of the client.
var errKilled = errors.New("killed")

// Commit implements [Writable].
func (c *company) Commit(ctx context.Context, t Transaction) (int64, error) {
	err := c.begin(ctx)
	defer c.mu.Unlock()
	switch {
	case err != nil:
		return 0, err
	case c.dieAfter > 0 && c.commits == c.dieAfter:
		return 0, errKilled
	}
	for key, e := range c.entries {
		if strings.HasPrefix(key, t.Prefix) && e.Revision > t.Since {
			return 0, ErrChanged
		}
	}
	for key, revision := range t.Last {
		if c.entries[key].Revision != revision {
			return 0, ErrChanged
		}
	}
	c.commits++
	var changes []Change
	for key, value := range t.Put {
		changes = append(changes, Change{Entry: Entry{Key: key, Value: value}})
	}
	for _, key := range t.Delete {
		changes = append(changes, Change{Entry: Entry{Key: key}, Deleted: true})
	}
	return c.change(changes...), nil
}

// fleet reads the store.
func (c *company) fleet(t *testing.T) Fleet {
	t.Helper()
	f, err := Read(t.Context(), c, root)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// push pushes to all sites.
func (c *company) push(t *testing.T, p Push) error {
	t.Helper()
	f := c.fleet(t)
	plan, err := f.Plan(p, f.Sites("*"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return c.roll(t, f, plan)
}

func (c *company) undo(t *testing.T) (Plan, error) {
	t.Helper()
	f := c.fleet(t)
	plan, err := f.PlanUndo([]string{"*"}, time.Now())
	if err != nil {
		return plan, err
	}
	return plan, c.roll(t, f, plan)
}

func (c *company) roll(t *testing.T, f Fleet, plan Plan) error {
	r := Rollout{Store: c, Root: root, Batch: 5, Wait: 30 * time.Second, Progress: func(Progress) {}}
	return r.Run(t.Context(), f, plan)
}

// definitions returns the definitions of all sites, as "NAME=VALUE ".
func (c *company) definitions() (all []string) {
	for _, site := range c.sites {
		text := ""
		c.mu.Lock()
		for _, key := range slices.Sorted(maps.Keys(c.entries)) {
			if name, ok := strings.CutPrefix(key, root.site(site)); ok {
				text += name + "=" + string(c.entries[key].Value) + " "
			}
		}
		c.mu.Unlock()
		all = append(all, text)
	}
	return all
}

// want fails unless the first n sites have the text new, and the others the text old.
func (c *company) want(t *testing.T, n int, new, old string) {
	t.Helper()
	for i, text := range c.definitions() {
		if i < n && text != new || i >= n && text != old {
			t.Errorf("%s has %q", c.sites[i], text)
		}
	}
}

var change = Push{Files: map[string][]byte{"a.service": []byte("bad"), "b.toml": []byte("new")}}

const (
	before = "a.service=old "
	after  = "a.service=bad b.toml=new "
)

// TestRollout wants a push to stop at the batch in which a host can't take it, with the reason, and the way back.
func TestRollout(t *testing.T) {
	for _, c := range []struct {
		name    string
		prepare func(*company)
		written int
		err     string
	}{
		{"all take it", func(*company) {}, 20, ""},
		{"one refuses", func(c *company) { c.refuses["s12"] = "a.service:1:1: no" }, 15, "stopped at batch 3 of 4, with 15 of 20 sites written: s12/pbx refuses a.service:1:1: no"},
		{"one does not take it", func(c *company) { c.slow["s03"] = true }, 5, "stopped at batch 1 of 4, with 5 of 20 sites written: s03/pbx has not taken revision "},
		{"one goes", func(c *company) { c.lost["s20"] = true }, 20, "stopped at batch 4 of 4, with 20 of 20 sites written: s20/pbx does not report any more"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				company := newCompany(t, 20)
				synctest.Wait()
				c.prepare(company)
				err := company.push(t, change)
				if got := fmt.Sprint(err); c.err == "" && err != nil || !strings.HasPrefix(got, c.err) {
					t.Errorf("%s; want %s", got, c.err)
				}
				company.want(t, c.written, after, before)
				clear(company.slow)
				clear(company.lost)
				if plan, err := company.undo(t); err != nil || len(plan.Sites) != c.written {
					t.Errorf("undo of %d sites: %v", len(plan.Sites), err)
				}
				company.want(t, 20, before, before)
				if plan, err := company.undo(t); err != nil || len(plan.Sites) != 0 {
					t.Errorf("a second undo of %d sites: %v", len(plan.Sites), err)
				}
				company.want(t, 20, before, before)
			})
		})
	}
}

// TestRolloutAgain runs a push again that has stopped: it first waits for the hosts of the sites that it has written, and goes
// on if nothing is wrong with them that was not before.
func TestRolloutAgain(t *testing.T) {
	for _, test := range []struct {
		name    string
		prepare func(*company) // before the first run
		mend    func(*company) // before the second one
		err     string         // of the second one
	}{
		{"one still refuses", func(c *company) { c.refuses["s02"] = "no" }, func(*company) {},
			"stopped before anything was written, at the sites that an earlier run has written: s02/pbx refuses no"},
		{"one still has not taken it", func(c *company) { c.slow["s02"] = true }, func(*company) {},
			"stopped before anything was written, at the sites that an earlier run has written: s02/pbx has not taken revision "},
		{"one has taken it since", func(c *company) { c.slow["s02"] = true }, func(c *company) {
			c.report("s02", Presence{Revision: c.writes(), Settled: true, Problems: []string{"an old problem"}})
		}, ""},
		{"one has another problem since", func(c *company) { c.slow["s02"] = true }, func(c *company) {
			c.report("s02", Presence{Revision: c.writes(), Settled: true, Problems: []string{"a new problem"}})
		}, "stopped before anything was written, at the sites that an earlier run has written: s02/pbx has a new problem: a new problem"},
		{"one is gone", func(c *company) { c.lost["s02"] = true }, func(*company) {}, ""},
		{"one has come, with a problem", func(c *company) { c.lost["s02"] = true }, func(c *company) {
			c.put(root.Presence("s02", "another"), string(versioned(Presence{Revision: c.writes(), Settled: true, Problems: []string{"its own"}})))
		}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCompany(t, 10)
				synctest.Wait()
				test.prepare(c)
				if err := c.push(t, change); err == nil {
					t.Fatal("the first run does not stop")
				}
				c.want(t, 5, after, before)
				test.mend(c)
				err := c.push(t, change)
				if got := fmt.Sprint(err); test.err == "" && err != nil || !strings.HasPrefix(got, test.err) {
					t.Errorf("%s; want %s", got, test.err)
				}
				written := 10
				if test.err != "" {
					written = 5
				}
				c.want(t, written, after, before)
			})
		})
	}
}

// TestRolloutCommon pushes the definitions that all sites take: it waits for each host that takes them, of whatever site.
func TestRolloutCommon(t *testing.T) {
	for _, test := range []struct {
		name string
		slow string
		err  string
	}{
		{"all take it", "", ""},
		{"one does not", "s03", "stopped at batch 1 of 1, with 1 of 1 sites written: s03/pbx has not taken revision "},
		{"one that takes no common definitions", "s05", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCompany(t, 5)
				synctest.Wait()
				for _, site := range c.sites[:4] {
					c.report(site, Presence{Revision: c.writes(), Common: 1, Settled: true})
				}
				go c.Watch(t.Context(), root.part(common), c.writes(), func(changes []Change) {
					for _, site := range c.sites[:4] {
						if site != test.slow {
							c.report(site, Presence{Revision: 100, Common: changes[0].Revision, Settled: true})
						}
					}
				})
				f := c.fleet(t)
				sites, err := f.Choose([]string{Common}, false)
				if err != nil || !slices.Equal(sites, []string{Common}) {
					t.Fatal(sites, err)
				}
				plan, err := f.Plan(change, sites, time.Now())
				if err != nil {
					t.Fatal(err)
				}
				err = c.roll(t, f, plan)
				if got := fmt.Sprint(err); test.err == "" && err != nil || !strings.HasPrefix(got, test.err) {
					t.Errorf("%s; want %s", got, test.err)
				}
				if got := c.value(root.site(Common) + "b.toml"); got != "new" {
					t.Errorf("b.toml is %q", got)
				}
				c.want(t, 0, "", before)
				f = c.fleet(t)
				if undo, err := f.PlanUndo([]string{Common}, time.Now()); err != nil || len(undo.Sites) != 1 {
					t.Errorf("undo: %+v, %v", undo, err)
				}
				if names := f.Sites("*"); slices.Contains(names, Common) {
					t.Errorf("the sites are %q", names)
				}
				for _, row := range f.Rows([]string{"s03", "s04", "s05"}, time.Now()) {
					if behind := row.Behind > 0; behind != (row.Site == test.slow && test.slow != "s05") {
						t.Errorf("%s is behind by %d", row.Site, row.Behind)
					}
				}
			})
		})
	}
}

// TestRolloutKilled wants every site to have its old or its new definitions, at whatever transaction a push or an undo is
// killed, and both to go on from there.
func TestRolloutKilled(t *testing.T) {
	const sites = 7
	for dies := range sites {
		t.Run(fmt.Sprintf("after %d", dies), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCompany(t, sites)
				synctest.Wait()
				kill := func(work func() error, first, then string) {
					c.commits, c.dieAfter = 0, dies
					if err := work(); dies > 0 && !errors.Is(err, errKilled) {
						t.Fatal(err)
					}
					if dies > 0 {
						c.want(t, dies, then, first)
					}
					c.dieAfter = 0
					if err := work(); err != nil {
						t.Fatal(err)
					}
					c.want(t, sites, then, first)
				}
				kill(func() error { return c.push(t, change) }, before, after)
				kill(func() error { _, err := c.undo(t); return err }, after, before)
			})
		})
	}
}

// TestRolloutLate wants nothing written at a site that was changed after the comparison, whatever was changed.
func TestRolloutLate(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*company)
	}{
		{"the file", func(c *company) { c.put(root.site("s02")+"a.service", "hand") }},
		{"another file", func(c *company) { c.put(root.site("s02")+"z.service", "hand") }},
		{"the new file", func(c *company) { c.put(root.site("s02")+"b.toml", "hand") }},
		{"a push", func(c *company) { c.put(root.push("s02"), "{}") }},
		{"a deletion", func(c *company) { c.delete(root.site("s02") + "a.service") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				company := newCompany(t, 3)
				synctest.Wait()
				f := company.fleet(t)
				plan, err := f.Plan(change, f.Sites("*"), time.Now())
				if err != nil {
					t.Fatal(err)
				}
				c.change(company)
				was := company.definitions()[1]
				err = company.roll(t, f, plan)
				if stopped, ok := errors.AsType[*StoppedError](err); !ok || stopped.Sites != 1 || !errors.Is(err, ErrChanged) {
					t.Errorf("%v", err)
				}
				if now := company.definitions()[1]; now != was {
					t.Errorf("it has %q; want %q", now, was)
				}
			})
		})
	}
}

// TestUndo wants an undo to take the last push alone, and nothing that was changed after it.
func TestUndo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, 4)
		synctest.Wait()
		if _, err := c.undo(t); err == nil {
			t.Error("an undo without a push")
		}
		if err := c.push(t, change); err != nil {
			t.Fatal(err)
		}
		f := c.fleet(t)
		plan, err := f.Plan(Push{Delete: []string{"a.service"}}, []string{"s01", "s02"}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if err := c.roll(t, f, plan); err != nil {
			t.Fatal(err)
		}
		c.want(t, 2, "b.toml=new ", after)
		for range 2 {
			if _, err := c.undo(t); err != nil {
				t.Fatal(err)
			}
			c.want(t, 4, after, after)
		}
		if err := c.push(t, Push{Files: map[string][]byte{"b.toml": []byte("newer")}}); err != nil {
			t.Fatal(err)
		}
		c.put(root.site("s03")+"b.toml", "hand")
		was := c.definitions()
		if _, err := c.undo(t); err == nil || !strings.Contains(err.Error(), "s03: b.toml was changed after the push") {
			t.Errorf("%v", err)
		}
		if now := c.definitions(); !slices.Equal(now, was) {
			t.Errorf("%q; want %q", now, was)
		}
	})
}

// TestPlanErrors wants names that can only be mistaken to be errors.
func TestPlanErrors(t *testing.T) {
	c := newCompany(t, 3)
	f := c.fleet(t)
	for _, c := range []struct {
		name  string
		globs []string
		known bool
		want  string
	}{
		{"a new site", []string{"new"}, false, "<nil>"},
		{"an unknown site", []string{"new"}, true, `no site matches "new"; announcer sites lists them`},
		{"a glob", []string{"x*"}, false, `no site matches "x*"; announcer sites lists them`},
		{"a slash", []string{"a/b"}, false, `"a/b" is not the name of a site; want one such as berlin, without a slash`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := f.Choose(c.globs, c.known); fmt.Sprint(err) != c.want {
				t.Errorf("%v; want %s", err, c.want)
			}
		})
	}
	if _, err := f.Plan(Push{Delete: []string{"z"}}, f.Sites("*"), time.Now()); err == nil {
		t.Error("z is deleted, which does not exist")
	}
	big := Push{Files: map[string][]byte{"a": make([]byte, 1<<20+1<<19)}}
	plan, err := f.Plan(big, f.Sites("*"), time.Now())
	if err == nil {
		err = (&Rollout{Store: c, Root: root, Batch: 1}).Run(t.Context(), f, plan)
	}
	if err == nil || c.commits > 0 {
		t.Errorf("%v, after %d transactions", err, c.commits)
	}
}

// TestDiff wants the lines that differ with those around them.
func TestDiff(t *testing.T) {
	for _, c := range []struct{ name, old, new, want string }{
		{"new", "", "a\nb\n", "+a|+b"},
		{"deleted", "a\n", "", "-a"},
		{"the last newline", "a", "a\n", ""},
		{"in the middle", "1\n2\n3\n4\n5\n6\n7\n", "1\n2\n3\nx\n5\n6\n7\n", " 2| 3|-4|+x| 5| 6| …"},
		{"moved", "a\nb\nc\n", "b\nc\na\n", "-a| b| c|+a"},
		{"two places", "1\n2\n3\n4\n5\n6\n7\n8\n", "x\n2\n3\n4\n5\n6\n7\ny\n", "-1|+x| 2| 3| …| 6| 7|-8|+y"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Edit{"a", []byte(c.old), []byte(c.new)}.Diff()
			if text := strings.Join(got, "|"); text != c.want {
				t.Errorf("%q; want %q", text, c.want)
			}
		})
	}
}

package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"announcer/internal/testkit/memdisk"
)

// calm is the time after which everything that is on a disk must be known, if nothing fails any more.
const calm = 5 * time.Second

// chance is what happens to the files of a source, decided by a seed.
type chance struct {
	*rand.Rand
	disk    *memdisk.Disk
	process *memdisk.Process
	story   []string
}

// edits are what people do with a file. What can't be done fails, and does nothing.
var edits = []func(c *chance){
	func(c *chance) { c.did("save", c.disk.Save(c.file(), c.text())) },
	func(c *chance) {
		file, text := c.file(), c.text()
		half := c.IntN(len(text))
		c.did("truncate "+file, c.disk.Truncate(file))
		c.pause(20 * time.Millisecond)
		c.did("half", c.disk.Append(file, text[:half]))
		c.pause(600 * time.Millisecond)
		c.did("the rest", c.disk.Append(file, text[half:]))
	},
	func(c *chance) { file := c.file(); c.did("remove "+file, c.disk.Remove(file)) },
	func(c *chance) { from, to := c.file(), c.file(); c.did("rename "+from+" "+to, c.disk.Rename(from, to)) },
}

// acts are all that can happen.
var acts []func(c *chance)

func init() {
	acts = append(edits, []func(c *chance){
		func(c *chance) { v := c.version(); c.did("swap "+v, c.disk.SwapLink(v, "/etc/services")) },
		func(c *chance) { v := c.version(); c.did("swap back "+v, c.disk.SwapLink("../"+v, "/etc/services")) },
		func(c *chance) {
			v := c.version()
			c.did("replace "+v, c.disk.ReplaceDir(v, map[string]string{"a.service": c.text(), "c.service": c.text()}))
		},
		func(c *chance) {
			v := c.version()
			c.did("remove all of "+v, c.disk.RemoveAll(v))
			c.pause(time.Second)
			c.did("make "+v, c.disk.MkdirAll(v))
		},
		func(c *chance) {
			path, mode := c.version(), fs.FileMode(0o755)
			if c.IntN(2) == 0 {
				path, mode = c.file(), 0o644
			}
			c.did("close "+path, c.disk.Chmod(path, 0))
			c.pause(time.Second)
			c.did("open "+path, c.disk.Chmod(path, mode))
		},
		func(c *chance) {
			link := c.version() + "/l.service"
			c.did("link "+link, errors.Join(c.disk.Save("/data/x", c.text()), c.disk.SwapLink("/data/x", link)))
		},
		func(c *chance) { c.did("mask", c.disk.SwapLink("/dev/null", c.version()+"/b.service")) },
		func(c *chance) {
			v := c.version()
			if err := c.disk.Mkfifo(v + "/b.service"); err != nil {
				return
			}
			c.did("fifo in "+v, nil)
			c.pause(time.Second)
			c.did("remove it", c.disk.Remove(v+"/b.service"))
		},
		func(c *chance) {
			c.did("overflow", nil)
			c.disk.Overflow(func() { edits[c.IntN(len(edits))](c) })
		},
		func(c *chance) {
			dir := []string{"/srv", "/etc", "/srv/v1"}[c.IntN(3)]
			c.did("away "+dir, c.disk.Rename(dir, "/away"))
			c.pause(2 * time.Second)
			c.did("back "+dir, c.disk.Rename("/away", dir))
		},
		func(c *chance) {
			c.process.Limit(memdisk.Limits{Files: 2, Instances: c.IntN(2) + 1, Watches: 1 + c.IntN(5)})
			c.did("limit", nil)
			edits[c.IntN(len(edits))](c)
			acts[c.IntN(9)](c)
			c.pause(20 * time.Second)
			c.process.Limit(memdisk.Limits{})
		},
		func(c *chance) {
			path := []string{"/data", "/srv", "/srv/v1", "/etc"}[c.IntN(4)]
			release, err := c.disk.Hang(path)
			c.did("hang "+path, err)
			if err != nil {
				return
			}
			c.pause(10 * time.Second)
			edits[c.IntN(len(edits))](c)
			c.pause(10 * time.Second)
			release()
		},
		func(c *chance) {
			errno := []error{syscall.EMFILE, syscall.ENOSPC, syscall.EINTR, syscall.EIO, syscall.ENOMEM}[c.IntN(5)]
			one, rare := []string{"", "open", "read", "readdir", "stat", "lstat", "watch", "add", "readlink", "fstat"}[c.IntN(10)], c.IntN(3)
			var mu sync.Mutex // over the dice: calls that can hang are made in goroutines of their own
			faults := rand.New(rand.NewPCG(c.Uint64(), 0))
			c.disk.SetFault(func(op, _ string) error {
				mu.Lock()
				defer mu.Unlock()
				if (one == "" || op == one) && faults.IntN(rare+1) == 0 {
					return errno
				}
				return nil
			})
			c.did(fmt.Sprint("faults of ", one, " ", errno), nil)
			for range c.IntN(3) {
				edits[c.IntN(len(edits))](c)
				c.pause(20 * time.Second)
			}
			c.disk.SetFault(nil)
		},
	}...)
}

// did remembers what happened.
func (c *chance) did(what string, err error) {
	c.story = append(c.story, fmt.Sprintf("%s %s: %v", time.Now().Format("04:05.000"), what, err))
}

func (c *chance) pause(most time.Duration) { time.Sleep(time.Duration(c.Int64N(int64(most)))) }

func (c *chance) version() string { return []string{"/srv/v1", "/srv/v2"}[c.IntN(2)] }

func (c *chance) text() string { return serviceFile(fmt.Sprint("n", c.IntN(1000))) }

func (c *chance) file() string {
	dir := []string{"/srv/v1", "/srv/v2", "/etc/services"}[c.IntN(3)]
	return dir + "/" + []string{"a.service", "b.service"}[c.IntN(2)]
}

// TestSourceFindsWhatIsThere has anything happen to files, by seeds. Soon after nothing fails any more, a source that was there
// all the time knows what one does that begins.
func TestSourceFindsWhatIsThere(t *testing.T) {
	for seed := range uint64(500) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { happens(t, seed) })
		})
	}
}

func happens(t *testing.T, seed uint64) {
	t.Helper()
	d := memdisk.New()
	c := &chance{rand.New(rand.NewPCG(seed, 0)), d, d.Process(), nil}
	c.did("make", errors.Join(d.MkdirAll("/etc"), d.MkdirAll("/srv/v1"), d.MkdirAll("/srv/v2"), d.MkdirAll("/data"), d.Symlink("/srv/v1", "/etc/services"),
		d.Write("/srv/v1/a.service", serviceFile("first")), d.Write("/srv/v2/a.service", serviceFile("second"))))
	last := watchAll(t, c.process)
	for range 1 + c.IntN(12) {
		acts[c.IntN(len(acts))](c)
		c.pause(3 * time.Second)
	}
	for _, v := range []string{"/srv/v1/", "/srv/v2/"} { // what is half written stays as it was before
		for _, name := range []string{"a.service", "b.service"} {
			if text, err := d.ReadFile(v + name); err == nil && !strings.HasSuffix(strings.TrimSpace(text), ">") {
				c.did("remove half", d.Remove(v+name))
			}
		}
	}
	time.Sleep(calm)
	got := last()
	if n := c.process.Descriptors(); n > 1 {
		t.Errorf("%d descriptors are open after\n%s", n, strings.Join(c.story, "\n"))
	}
	want := watchAll(t, d.Process())()
	if got != want {
		t.Errorf("the source knows\n%s\nand one that begins\n%s\nafter\n%s", got, want, strings.Join(c.story, "\n"))
	}
}

// watchAll runs a source, and returns a function that returns what it says.
func watchAll(t *testing.T, p *memdisk.Process) (last func() string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(func() {
		cancel()
		p.Kill()
		synctest.Wait()
	})
	b := &bench{source: New(Request{Services: []string{"/etc/services"}, Waits: true})}
	b.source.FS, b.source.Host = p, func() string { return "pbx" }
	go b.source.Run(ctx)
	go b.gather(ctx)
	return func() string {
		synctest.Wait()
		b.mu.Lock()
		defer b.mu.Unlock()
		if len(b.updates) == 0 {
			return "nothing"
		}
		snap := b.updates[len(b.updates)-1].Snapshot
		return fmt.Sprintf("%s\n%v\n%v", defined(snap, ""), snap.Findings, snap.Remarks)
	}
}

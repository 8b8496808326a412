package remote

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func sample() Set {
	return Set{Time: time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC), Revision: `"1"`, Condition: `"1"`, Files: []File{
		{Name: "a.toml", Origin: "https://x/a.toml", Data: []byte("group = []\n")}, {Name: "b.service", Origin: "https://x/b.service", Data: []byte{0, 0xff}},
	}}
}

func TestCacheKeepsSets(t *testing.T) {
	c := Cache{Dir: filepath.Join(t.TempDir(), "new", "directory")}
	if set, ok, err := c.Load("https://x/a"); ok || err != nil {
		t.Fatalf("before anything is saved: %v, %v, %v", set, ok, err)
	}
	if err := c.Save("https://x/a", sample()); err != nil {
		t.Fatal(err)
	}
	set, ok, err := c.Load("https://x/a")
	if !ok || err != nil || !reflect.DeepEqual(set, sample()) {
		t.Errorf("%+v, %v, %v", set, ok, err)
	}
	if _, ok, _ := c.Load("https://x/b"); ok {
		t.Error("another place has it, too")
	}
	info, err := os.Stat(c.path("https://x/a"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("its mode is %v, %v; want 0600", info.Mode(), err)
	}
	if err := (Cache{}).Save("https://x/a", sample()); err != nil {
		t.Errorf("a cache without a directory: %v", err)
	}
}

func TestDamagedCacheIsIgnored(t *testing.T) {
	good, err := encode(sample())
	if err != nil {
		t.Fatal(err)
	}
	other, err := encode(Set{Files: []File{{Name: "../../etc/passwd"}}})
	if err != nil {
		t.Fatal(err)
	}
	flipped := append([]byte{}, good...)
	flipped[len(flipped)/2] ^= 1
	for _, test := range []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "it is no file of this cache"},
		{"zeros", make([]byte, 512), "it is no file of this cache"},
		{"half", good[:len(good)/2], errCorrupt.Error()},
		{"a bit", flipped, errCorrupt.Error()},
		{"more behind it", append(append([]byte{}, good...), 'x'), errCorrupt.Error()},
		{"a path as a name", other, `it has a file of the name "../../etc/passwd"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := Cache{Dir: t.TempDir()}
			if err := os.WriteFile(c.path("p"), test.data, 0o600); err != nil {
				t.Fatal(err)
			}
			set, ok, err := c.Load("p")
			if ok || err == nil || !strings.HasSuffix(err.Error(), test.want) || !strings.Contains(err.Error(), c.path("p")) {
				t.Errorf("%+v, %v, %v; want an error with the path and %q", set, ok, err, test.want)
			}
			if err := c.Save("p", sample()); err != nil {
				t.Fatal(err)
			}
			if _, ok, err := c.Load("p"); !ok || err != nil {
				t.Errorf("after it was replaced: %v, %v", ok, err)
			}
		})
	}
}

// TestPrune wants files removed of places that have not been named for a year, and no others.
func TestPrune(t *testing.T) {
	now := time.Now()
	for _, test := range []struct {
		name  string
		place string
		age   time.Duration
		stays bool
	}{
		{"named, old", "named", 2 * stale, true},
		{"not named any more", "other", stale - time.Hour, true},
		{"not named for a year", "other", stale + time.Hour, false},
		{"of a clock that was ahead", "other", -stale, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := Cache{Dir: t.TempDir()}
			if err := c.Save(test.place, sample()); err != nil {
				t.Fatal(err)
			}
			notes := filepath.Join(c.Dir, "notes")
			if err := os.WriteFile(notes, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			for _, path := range []string{c.path(test.place), notes} {
				if err := os.Chtimes(path, now, now.Add(-test.age)); err != nil {
					t.Fatal(err)
				}
			}
			c.Prune([]string{"named"}, now)
			if _, ok, err := c.Load(test.place); ok != test.stays || err != nil {
				t.Errorf("it stays: %v, %v", ok, err)
			}
			if _, err := os.Stat(notes); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestCrashLeavesOldOrNew has the process end at every moment of a save: what is loaded is the old or the new set.
func TestCrashLeavesOldOrNew(t *testing.T) {
	c, newer := Cache{Dir: t.TempDir()}, sample()
	newer.Revision = `"2"`
	data, err := encode(newer)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Save("p", sample()); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 1, len(data) / 2, len(data)} { // between write and rename
		t.Run(fmt.Sprint(n, " bytes"), func(t *testing.T) {
			if err := os.WriteFile(c.path("p")+".new", data[:n], 0o600); err != nil {
				t.Fatal(err)
			}
			if set, ok, err := c.Load("p"); !ok || err != nil || set.Revision != `"1"` {
				t.Errorf("%v, %v, %v", set.Revision, ok, err)
			}
		})
	}
	if err := c.Save("p", newer); err != nil {
		t.Fatal(err)
	}
	if set, ok, err := c.Load("p"); !ok || err != nil || set.Revision != `"2"` {
		t.Errorf("after the next save: %v, %v, %v", set.Revision, ok, err)
	}
	if files, err := os.ReadDir(c.Dir); err != nil || len(files) != 1 {
		t.Errorf("%d files are left, %v; want 1", len(files), err)
	}
}

func FuzzDecode(f *testing.F) {
	good, err := encode(sample())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add([]byte(magic + " \n{}"))
	f.Add([]byte(`{"time":"2026-11-26T10:00:00Z","files":[{"name":"a.toml","data":"AA=="}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, file := range [][]byte{data, append(head(data), data...)} {
			set, err := decode(file)
			if err != nil {
				continue
			}
			again, err := encode(set)
			if err != nil {
				t.Fatal(err)
			}
			if same, err := decode(again); err != nil || !same.Same(set) {
				t.Errorf("%+v became %+v, %v", set, same, err)
			}
		}
	})
}

package source

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"announcer/internal/config"
	"announcer/internal/remote"
	"announcer/internal/testkit/netlab"
)

// TestDiskOfTheCache wants definitions used although they can't be kept, and those that were kept before left as they are.
func TestDiskOfTheCache(t *testing.T) {
	netlab.Need(t)
	for _, test := range []struct {
		name  string
		spoil func(t *testing.T, dir string)
		want  string
	}{
		{"a full disk", func(t *testing.T, dir string) {
			ballast := make([]byte, 1<<20)
			if err := os.WriteFile(filepath.Join(dir, "ballast"), ballast, 0o600); err == nil {
				t.Fatal("the disk is not full")
			}
		}, "no space left on device"},
		{"a disk that can only be read", func(t *testing.T, dir string) {
			if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
				t.Fatal("mount: ", err)
			}
		}, "read-only file system"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := unix.Mount("announcer", dir, "tmpfs", 0, "size=64k"); err != nil {
				t.Fatal("mount: ", err)
			}
			t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
			origin, cache := &server{reports: make(chan remote.Report)}, remote.Cache{Dir: dir}
			yielded := make(chan []Item)
			go Remote(berlin, origin, cache, config.Default().Overlay).Run(t.Context(), func(items []Item) {
				if items != nil {
					yielded <- items
				}
			})
			next := func(name string) string {
				go origin.says(tomlFile(name), name)
				items := <-yielded
				for items[0].Name == "" { // the server has not answered yet
					items = <-yielded
				}
				if len(items) != 2 || string(items[0].Data) != tomlFile(name) {
					t.Fatalf("%s: the items are %+v", name, items)
				}
				return strings.Join(items[1].Server.Warnings, "|")
			}
			if got := next("A"); got != "" {
				t.Fatal(got)
			}
			test.spoil(t, dir)
			if got := next("B"); !strings.HasSuffix(got, test.want) || !strings.Contains(got, dir) {
				t.Errorf("the warning is %q, want the directory and %q", got, test.want)
			}
			set, ok, err := cache.Load(berlin)
			if !ok || err != nil || string(set.Files[0].Data) != tomlFile("A") {
				t.Errorf("on the disk is %+v, %t, %v; want what was there before", set, ok, err)
			}
		})
	}
}

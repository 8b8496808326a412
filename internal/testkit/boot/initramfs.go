//go:build linux

package boot

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
)

// modules are the kernel modules that the disk of the guest needs, each after those that it needs itself.
var modules = []string{
	"virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci", "virtio_blk",
	"crc16", "crc32c_generic", "mbcache", "jbd2", "ext4",
}

// archive writes a cpio archive in the "newc" format, which the kernel unpacks as its initial root.
type archive struct {
	out   *bufio.Writer
	inode int
	size  int64
	dirs  map[string]bool
	err   error
}

// Types of files in a cpio header.
const (
	typeDir    = 0o040000
	typeFile   = 0o100000
	typeDevice = 0o020000
)

func newArchive(out io.Writer) *archive {
	return &archive{out: bufio.NewWriter(out), dirs: map[string]bool{".": true, "/": true}}
}

// dir adds a directory, and those above it.
func (a *archive) dir(name string) {
	if name = path.Clean(name); a.dirs[name] {
		return
	}
	a.dirs[name] = true
	a.dir(path.Dir(name))
	a.entry(name, typeDir|0o755, nil, 0, 0)
}

func (a *archive) file(name string, mode os.FileMode, data []byte) {
	a.dir(path.Dir(name))
	a.entry(name, typeFile|int(mode.Perm()), data, 0, 0)
}

func (a *archive) device(name string, major, minor int) {
	a.dir(path.Dir(name))
	a.entry(name, typeDevice|0o600, nil, major, minor)
}

// close ends the archive.
func (a *archive) close() error {
	a.entry("TRAILER!!!", 0, nil, 0, 0)
	if a.err != nil {
		return a.err
	}
	return a.out.Flush()
}

func (a *archive) entry(name string, mode int, data []byte, major, minor int) {
	a.inode++
	links := 1
	a.printf("070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
		a.inode, mode, 0, 0, links, 0, len(data), 0, 0, major, minor, len(name)+1, 0)
	a.printf("%s\x00", name)
	a.pad()
	a.printf("%s", data)
	a.pad()
}

// pad fills up to a multiple of four bytes.
func (a *archive) pad() { a.printf("%s", make([]byte, -a.size&3)) }

func (a *archive) printf(format string, args ...any) {
	if a.err == nil {
		var n int
		n, a.err = fmt.Fprintf(a.out, format, args...)
		a.size += int64(n)
	}
}

// writeInitramfs writes an initial RAM disk: the program init, the kernel's modules, and the files of the guest
// for init to copy to its disk.
func writeInitramfs(out io.Writer, init []byte, kernel string, files []File) error {
	a := newArchive(out)
	for _, dir := range []string{"dev", "payload", "root"} {
		a.dir(dir)
	}
	a.device("dev/console", 5, 1)
	a.device("dev/null", 1, 3)
	a.file("init", 0o755, init)
	list := ""
	for _, module := range modules {
		data, err := readModule(kernel, module)
		if err != nil {
			return err
		}
		a.file(module+".ko", 0o644, data)
		list += "/" + module + ".ko\n"
	}
	a.file("modules", 0o644, []byte(list))
	for _, file := range files {
		a.file(path.Join("payload", file.Path), file.Mode, file.Data)
	}
	return a.close()
}

// readModule reads a module from the tree of a kernel package.
func readModule(kernel, name string) ([]byte, error) {
	var found []string
	err := filepath.WalkDir(kernel, func(path string, _ os.DirEntry, err error) error {
		if filepath.Base(path) == name+".ko" {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("%s has the module %s %d times; want it once", kernel, name, len(found))
	}
	return os.ReadFile(found[0])
}

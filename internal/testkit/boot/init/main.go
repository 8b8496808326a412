//go:build linux

// Command init is process 1 of the initial RAM disk of [announcer/internal/testkit/boot]: it loads the kernel modules
// that the disk needs, mounts the disk, copies the files of the test to it, and becomes systemd.
package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	disk         = "/dev/vda"
	root         = "/root"
	diskPatience = time.Minute // for the disk to appear, under emulation
)

func main() {
	// The kernel panics when this returns, which ends the emulator.
	fmt.Println("init:", start())
}

// start only returns if it fails.
func start() error {
	if err := unix.Mount("dev", "/dev", "devtmpfs", 0, ""); err != nil {
		return fmt.Errorf("mount /dev: %w", err)
	}
	if err := loadModules(); err != nil {
		return err
	}
	if err := awaitDisk(); err != nil {
		return err
	}
	if err := unix.Mount(disk, root, "ext4", 0, ""); err != nil {
		return fmt.Errorf("mount %s: %w", disk, err)
	}
	if err := moveFiles("/payload", root); err != nil {
		return err
	}
	return becomeSystemd()
}

// loadModules loads the modules that the file /modules lists, in its order.
func loadModules() error {
	list, err := os.ReadFile("/modules")
	if err != nil {
		return err
	}
	for _, path := range strings.Fields(string(list)) {
		if err := loadModule(path); err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("load %s: %w", path, err)
		}
	}
	return nil
}

func loadModule(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	return unix.FinitModule(int(file.Fd()), "", 0)
}

func awaitDisk() error {
	for deadline := time.Now().Add(diskPatience); ; time.Sleep(10 * time.Millisecond) {
		_, err := os.Stat(disk)
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return err
		}
	}
}

// moveFiles moves a tree of files into another one.
func moveFiles(from, to string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		place := filepath.Join(to, strings.TrimPrefix(path, from))
		if entry.IsDir() {
			return os.MkdirAll(place, 0o755)
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return errors.Join(os.WriteFile(place, data, info.Mode()), os.Remove(path))
	})
}

func becomeSystemd() error {
	if err := unix.Mount("/dev", filepath.Join(root, "dev"), "", unix.MS_MOVE, ""); err != nil {
		return fmt.Errorf("move /dev: %w", err)
	}
	if err := unix.Chdir(root); err != nil {
		return err
	}
	if err := unix.Mount(".", "/", "", unix.MS_MOVE, ""); err != nil {
		return fmt.Errorf("move the root: %w", err)
	}
	if err := errors.Join(unix.Chroot("."), unix.Chdir("/")); err != nil {
		return err
	}
	return unix.Exec("/sbin/init", []string{"/sbin/init"}, []string{"TERM=dumb"})
}

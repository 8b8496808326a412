package phones

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestFIFO has a FIFO stand where a directory or a file should, and wants neither waited for nor opened.
func TestFIFO(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "x")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	root, err := OpenDirectory(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	watch, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(watch)
	if _, err := unix.InotifyAddWatch(watch, fifo, unix.IN_OPEN); err != nil {
		t.Fatal(err)
	}
	for name, open := range map[string]func() error{
		"as a directory":         func() error { _, err := OpenDirectory(fifo); return err },
		"as a directory to scan": func() error { _, err := Scan(fifo); return err },
		"as a file":              func() error { _, _, err := OpenRegular(root, "x"); return err },
	} {
		t.Run(name, func(t *testing.T) {
			if err := open(); err == nil {
				t.Error("no error")
			}
		})
	}
	if n, _ := unix.Read(watch, make([]byte, 4096)); n > 0 {
		t.Error("it was opened")
	}
	if err := os.WriteFile(filepath.Join(dir, "y"), []byte("y"), 0o600); err != nil {
		t.Fatal(err)
	}
	if file, info, err := OpenRegular(root, "y"); err != nil || info.Size() != 1 {
		t.Errorf("a regular file: %v", err)
	} else {
		file.Close()
	}
}

package source

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestReadFileOpensNoDevice reads what is no regular file: it is refused, and the kernel reports no call of open.
func TestReadFileOpensNoDevice(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.service")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	watch, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(watch)
	if _, err := unix.InotifyAddWatch(watch, path, unix.IN_OPEN); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadFile(path); err == nil || err.Error() != "it is a FIFO; want a regular file" {
		t.Errorf("%v", err)
	}
	if n, err := unix.Read(watch, make([]byte, 4096)); n > 0 {
		t.Errorf("it was opened (%d bytes of events, %v)", n, err)
	}
}

// TestReadFileWithoutEnd reads a file that can be waited for and does not end, as /proc/kmsg, which looks regular.
func TestReadFileWithoutEnd(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if _, err := w.WriteString("a line"); err != nil {
		t.Fatal(err)
	}
	data, err := readInTime(r, new(bytes.Buffer), 10*time.Millisecond)
	if err == nil || !strings.Contains(err.Error(), "it has not ended after 10ms; want a regular file") {
		t.Errorf("%q, %v", data, err)
	}
}

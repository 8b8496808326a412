package fileserver

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"announcer/internal/testkit/pipes"
)

// d40File returns the path of the file of a model.
func d40File(dir string) string { return filepath.Join(dir, filepath.FromSlash(d40Path)) }

// replace replaces a file by another with other content.
func replace(t *testing.T, file string, content []byte) {
	t.Helper()
	if err := os.WriteFile(file+".new", content, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
}

// overwrite writes other content into a file of the same size.
func overwrite(t *testing.T, file string, content []byte) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(content); err != nil {
		t.Fatal(err)
	}
}

// otherImage is content of the same size as that of [image].
func otherImage(size int) []byte { return bytes.Repeat([]byte{0xA5}, size) }

// inSameTime changes a file by a function and leaves its time of modification as it was.
func inSameTime(t *testing.T, file string, change func(t *testing.T, file string, content []byte), content []byte) {
	t.Helper()
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	change(t, file, content)
	if err := os.Chtimes(file, time.Time{}, info.ModTime()); err != nil {
		t.Fatal(err)
	}
}

// TestFileIsTouched changes a file between its announcement and a request. What is sent has always the hash that the ETag
// says; where that can't be, nothing is sent.
func TestFileIsTouched(t *testing.T) {
	const size = 1000
	for _, test := range []struct {
		name   string
		touch  func(t *testing.T, file string)
		status int
	}{
		{"other content", func(t *testing.T, file string) { overwrite(t, file, otherImage(size)) }, 503},
		{"other content with the same time", func(t *testing.T, file string) { inSameTime(t, file, overwrite, otherImage(size)) }, 503},
		{"another file with the same time", func(t *testing.T, file string) { inSameTime(t, file, replace, otherImage(size)) }, 503},
		{"same content, written again", func(t *testing.T, file string) { overwrite(t, file, image(size)) }, 200},
		{"same content in another file", func(t *testing.T, file string) { replace(t, file, image(size)) }, 200},
		{"other mode", func(t *testing.T, file string) {
			if err := os.Chmod(file, 0o600); err != nil {
				t.Fatal(err)
			}
		}, 200},
		{"gone and back", func(t *testing.T, file string) {
			overwrite(t, file, otherImage(size))
			replace(t, file, image(size))
		}, 200},
		{"a directory", func(t *testing.T, file string) {
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(file, 0o755); err != nil {
				t.Fatal(err)
			}
		}, 503},
		{"a FIFO", makeFIFO, 503},
		{"a link to a FIFO", func(t *testing.T, file string) {
			makeFIFO(t, file)
			if err := os.Rename(file, file+".fifo"); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(filepath.Base(file)+".fifo", file); err != nil {
				t.Fatal(err)
			}
		}, 503},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := folder(t, size)
			r := start(t, dir, nil)
			test.touch(t, d40File(dir))
			for range 2 { // the second time, what was found is known
				answer, body := r.raw(t, "GET /"+d40Path+" HTTP/1.1")
				if answer.StatusCode != test.status {
					t.Fatalf("%s, want %d", answer.Status, test.status)
				}
				hash := sha256.Sum256(body)
				if etag := answer.Header.Get("ETag"); test.status == 200 && etag != `"`+hex.EncodeToString(hash[:])+`"` {
					t.Errorf("the ETag is %s, and the hash %x", etag, hash)
				}
			}
			if faults := r.Faults(); (len(faults) == 1 && faults[d40Path] != nil) != (test.status == 503) {
				t.Errorf("the faults are %v", faults)
			}
			if err := r.stop(); err != nil {
				t.Error(err)
			}
		})
	}
}

// makeFIFO replaces a file by a FIFO.
func makeFIFO(t *testing.T, file string) {
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(file, 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestFileChangesWhileItIsSent changes a file in the middle of a transfer. A phone with bytes of both never counts as one
// that has the file, and its connection ends before it has as many bytes as it expects.
func TestFileChangesWhileItIsSent(t *testing.T) {
	const size = 32 << 20 // more than the buffers of a connection
	for name, test := range map[string]struct {
		change func(t *testing.T, file string)
		whole  bool
	}{
		"overwritten":  {func(t *testing.T, file string) { overwrite(t, file, otherImage(size)) }, false},
		"one byte":     {func(t *testing.T, file string) { overwrite(t, file, []byte{0xA5}) }, false},
		"shorter":      {func(t *testing.T, file string) { truncate(t, file, 2<<20) }, false},
		"longer":       {func(t *testing.T, file string) { truncate(t, file, size+1) }, false},
		"another file": {func(t *testing.T, file string) { replace(t, file, otherImage(size)) }, true},
		"other mode":   {func(_ *testing.T, file string) { _ = os.Chmod(file, 0o600) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := folder(t, size)
			r := start(t, dir, nil)
			answer, err := http.Get("http://" + r.addr + "/" + d40Path)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			first, err := io.CopyN(io.Discard, answer.Body, 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			test.change(t, d40File(dir))
			rest, err := io.Copy(io.Discard, answer.Body)
			if n := first + rest; (n == size && err == nil) != test.whole {
				t.Errorf("the phone gets %d bytes, %v; want all: %t", n, err, test.whole)
			}
			if end := r.ended(t); end.Whole != test.whole {
				t.Errorf("%+v; want whole: %t", end, test.whole)
			}
		})
	}
}

func truncate(t *testing.T, file string, size int64) {
	t.Helper()
	if err := os.Truncate(file, size); err != nil {
		t.Fatal(err)
	}
}

// TestHolds changes a file after all of it was sent.
func TestHolds(t *testing.T) {
	const size = 1000
	for name, test := range map[string]struct {
		change func(t *testing.T, file string)
		holds  bool
	}{
		"nothing": {func(*testing.T, string) {}, true},
		"overwritten, with the same time": {func(t *testing.T, file string) {
			info, err := os.Stat(file)
			if err != nil {
				t.Fatal(err)
			}
			overwrite(t, file, otherImage(size))
			if err := os.Chtimes(file, time.Time{}, info.ModTime()); err != nil {
				t.Fatal(err)
			}
		}, false},
		"other mode":   {func(_ *testing.T, file string) { _ = os.Chmod(file, 0o600) }, true},
		"another file": {func(t *testing.T, file string) { replace(t, file, otherImage(size)) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := folder(t, size)
			r := start(t, dir, nil)
			file, err := r.byPath["/"+d40Path].open(r.root)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			test.change(t, d40File(dir))
			if got := file.holds(); got != test.holds {
				t.Errorf("%t, want %t", got, test.holds)
			}
		})
	}
}

// TestFileSystemHangs has a check of a file that never returns: other requests get an answer, and the server ends.
func TestFileSystemHangs(t *testing.T) {
	dir := folder(t, 1000)
	synctest.Test(t, func(t *testing.T) {
		l := pipes.Listen()
		r := startOn(t, l, dir, nil)
		r.byPath["/"+d40Path].turn <- struct{}{}
		for range 3 {
			conn := dial(l)
			go fmt.Fprintf(conn, "GET /%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", d40Path)
			answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, answer.Body)
			if conn.Close(); answer.StatusCode != 503 {
				t.Error(answer.Status)
			}
		}
		if err := r.stop(); err != nil {
			t.Error(err)
		}
	})
}

package hangfs

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"announcer/internal/testkit/netlab"
)

func TestMain(m *testing.M) {
	Main()
	netlab.Main(m)
}

func TestHang(t *testing.T) {
	netlab.Need(t)
	fs := Mount(t)
	for _, name := range []string{"a", "b"} {
		if err := os.WriteFile(filepath.Join(fs.Holds, name), []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if data, err := os.ReadFile(filepath.Join(fs.Dir, "a")); err != nil || string(data) != "a" {
		t.Fatalf("read %q, %v", data, err)
	}
	fs.Hang()
	read := make(chan string)
	go func() {
		data, _ := os.ReadFile(filepath.Join(fs.Dir, "b"))
		read <- string(data)
	}()
	select {
	case data := <-read:
		t.Fatalf("read %q from what hangs", data)
	case <-time.After(50 * time.Millisecond):
	}
	fs.GoOn()
	if data := <-read; data != "b" {
		t.Errorf("read %q when it went on", data)
	}
}

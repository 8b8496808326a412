package native

import (
	"log/slog"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"announcer/internal/testkit/hangfs"
	"announcer/internal/testkit/memlink"
	"announcer/internal/testkit/netlab"
	"announcer/internal/testkit/printed"
)

// A FIFO instead of the note is not waited for.
func TestNoteThatIsAFIFO(t *testing.T) {
	readsNothing(t, func(path string) error { return unix.Mkfifo(path, 0o644) }, true)
}

// An engine whose note is on a file system that hangs starts without it, and ends.
func TestNoteThatHangs(t *testing.T) {
	netlab.Need(t)
	fs := hangfs.Mount(t)
	fs.Hang()
	net := memlink.Live(1)
	h := net.NewHost("pbx")
	h.Plug(net.NewSegment(), netip.MustParsePrefix("192.0.2.1/24"))
	var log printed.Text
	start := time.Now()
	p := New(Config{Conn: h.Conn(), Log: slog.New(slog.NewTextHandler(&log, nil)), Notes: []string{filepath.Join(fs.Dir, "announcer.said")}})
	machine{p, h, "pbx"}.apply(t)
	if err := p.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took < noteStart || took > 5*noteStart {
		t.Errorf("it takes %v", took)
	}
	if want := "what was announced before the start is unknown"; !strings.Contains(log.String(), want) || !strings.Contains(log.String(), "has not answered within 1s") {
		t.Errorf("no %q in:\n%s", want, log.String())
	}
}

package fileserver

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"announcer/internal/testkit/printed"
)

// TestLinesAreLimited has one host with many requests of each kind: the log stays short, says how many lines are missing, and
// has the line of another phone.
func TestLinesAreLimited(t *testing.T) {
	dir := folder(t, 1000)
	for name, test := range map[string]struct {
		requests []string
		change   func(t *testing.T)
	}{
		"pieces":         {[]string{"GET /" + d40Path + " HTTP/1.1", "Range: bytes=0-0"}, nil},
		"no such file":   {[]string{"GET /x HTTP/1.1"}, nil},
		"configurations": {[]string{"GET /000fd3000001.cfg HTTP/1.1"}, nil},
		"file that is gone": {[]string{"GET /" + d65Path + " HTTP/1.1"}, func(t *testing.T) {
			if err := os.Remove(filepath.Join(dir, filepath.FromSlash(d65Path))); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var log printed.Text
			r := start(t, dir, func(c *Config) {
				c.Configs, c.Report = true, func(Transfer) {}
				c.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			})
			if test.change != nil {
				test.change(t)
			}
			before := strings.Count(log.String(), "\n")
			const requests = 300
			for range requests {
				r.raw(t, test.requests...)
			}
			if err := loadFrom(t.Context(), net.IPv4(127, 0, 1, 1), "http://"+r.addr+"/"+d40Path, 1000); err != nil {
				t.Error(err)
			}
			if err := r.stop(); err != nil {
				t.Error(err)
			}
			text := log.String()
			if n := strings.Count(text, "\n") - before; n > linesOfPhone+5 {
				t.Errorf("%d lines for %d requests", n, requests)
			}
			for _, want := range []string{
				fmt.Sprintf("level=WARN msg=\"requests not logged\" lines=%d most=127.0.0.1\n", requests-linesOfPhone), "msg=sent phone=127.0.1.1 ",
			} {
				if !strings.Contains(text, want) {
					t.Errorf("the log lacks %q:\n%s", want, text)
				}
			}
		})
	}
}

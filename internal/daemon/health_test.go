package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"announcer/internal/health"
	"announcer/internal/publication"
	"announcer/internal/source"
	"announcer/internal/testkit/mdnstest"
)

// TestDaemonAnnouncesWhatAnswers lets a server come, go and come back.
func TestDaemonAnnouncesWhatAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		for name, text := range map[string]string{
			"s/x.service":    definition,
			"announcer.toml": fmt.Sprintf("[daemon]\nservices = [%q]\n[[rule]]\nmatch = '*'\ncheck = 'tcp'\n", dir+"/s"),
		} {
			if err := os.MkdirAll(filepath.Join(dir, "s"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		var dead atomic.Bool
		monitor := health.New(func(context.Context, health.Probe) error {
			if dead.Load() {
				return errors.New("connection refused")
			}
			return nil
		}, slog.New(slog.DiscardHandler))
		ctx, stop := context.WithCancel(t.Context())
		publisher := mdnstest.New()
		definitions := follow(ctx, source.Request{ConfigFile: filepath.Join(dir, "announcer.toml")}, nil)
		first := <-definitions.Updates()
		d := &Daemon{
			Definitions: definitions, Snapshot: first.Snapshot, Publisher: publisher, Health: monitor, Log: slog.New(slog.DiscardHandler),
			Links: newTestLinks(ctx, nil, func() ([]publication.Link, error) { return []publication.Link{testLink(1, "eth0")}, nil }),
		}
		ended := make(chan error, 1)
		go func() { ended <- d.Run(ctx) }()
		synctest.Wait()
		expect := func(when string, want int) {
			t.Helper()
			synctest.Wait()
			if applied := publisher.Applied(); len(applied[len(applied)-1].Groups) != want {
				t.Errorf("%s: %d groups are announced, want %d", when, len(applied[len(applied)-1].Groups), want)
			}
		}
		expect("before the first answer", 0)
		watching := make(chan struct{})
		go func() {
			defer close(watching)
			monitor.Run(ctx)
		}()
		expect("when it answers", 1)
		dead.Store(true)
		time.Sleep(time.Minute)
		expect("when it is gone", 0)
		dead.Store(false)
		time.Sleep(time.Minute)
		expect("when it is back", 1)
		stop()
		<-watching
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

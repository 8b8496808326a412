package daemon

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"

	"announcer/internal/health"
	"announcer/internal/mdns"
	"announcer/internal/netwatch"
	"announcer/internal/publication"
	"announcer/internal/source"
	"announcer/internal/testkit/mdnstest"
	"announcer/internal/testkit/memdisk"
)

// Each step of the start can fail; none after it is taken then, and an engine that is open is closed.
func TestAssembly(t *testing.T) {
	wrong := errors.New("wrong")
	for _, c := range []struct {
		name   string
		fails  string // the step
		opened bool
	}{{"unusable definitions", "usable", false}, {"no log", "logger", false}, {"no engine", "open", false}, {"nothing", "", true}} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				publisher, opened := mdnstest.New(), false
				step := func(name string) error {
					if name == c.fails {
						return wrong
					}
					return nil
				}
				definitions := source.New(source.Request{ConfigFile: "/announcer.toml", Waits: true})
				disk := memdisk.New()
				if err := disk.Write("/announcer.toml", "[daemon]\nservices = []\n"); err != nil {
					t.Fatal(err)
				}
				definitions.FS, definitions.Host = disk.Process(), func() string { return "pbx" }
				err := Assembly{
					Definitions: definitions,
					Usable:      func(source.Snapshot) error { return step("usable") },
					Logger:      func(source.Snapshot) (*slog.Logger, error) { return slog.New(slog.DiscardHandler), step("logger") },
					Open: func(d *Daemon) (mdns.Publisher, error) {
						if d.Log == nil || d.Snapshot.Host != "pbx" {
							t.Error("the engine is opened before there is a log and a snapshot")
						}
						if err := step("open"); err != nil {
							return nil, err
						}
						opened = true
						return publisher, nil
					},
					Links:    func(*slog.Logger) *netwatch.Watcher { return netwatch.NewWatcherOf(noLinks{}) },
					Checks:   func(log *slog.Logger) *health.Monitor { return health.New(nil, log) },
					Complete: func(*Daemon) { stop() },
				}.Run(ctx, &Daemon{Version: "1"})
				if failed := errors.Is(err, wrong); failed == c.opened || opened != c.opened || publisher.SaidGoodbye() != c.opened {
					t.Errorf("error %v, opened %v, closed %v", err, opened, publisher.SaidGoodbye())
				}
			})
		})
	}
}

// noLinks is the kernel of a host without an interface.
type noLinks struct{}

func (noLinks) Read() (links []publication.Link, err error) { return nil, nil }
func (noLinks) Follow() ([]publication.Link, error)         { return nil, nil }
func (noLinks) Changes(context.Context) <-chan struct{}     { return nil }

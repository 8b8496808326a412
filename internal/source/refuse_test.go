package source

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"announcer/internal/config"
	"announcer/internal/disk"
	"announcer/internal/remote"
)

// TestRefusedConfiguration wants a configuration that the request refuses not to replace the one in use, and the process to know
// the first one before its places are opened.
func TestRefusedConfiguration(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	dir := t.TempDir()
	file := filepath.Join(dir, "announcer.toml")
	configure := func(place string) {
		t.Helper()
		if err := os.WriteFile(file, []byte("[daemon]\nservices = [\""+place+"\"]\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var done []string
	s := New(Request{
		ConfigFile: file, Waits: true,
		Before: func(cfg config.Config) { done = append(done, "before "+filepath.Base(cfg.Services[0])) },
		Refuse: func(cfg config.Config) error {
			if filepath.Base(cfg.Services[0]) == "elsewhere" {
				return errors.New("it is elsewhere")
			}
			return nil
		},
	})
	s.Open = func(place string, poll time.Duration, settings remote.Settings) Provider {
		done = append(done, "open "+filepath.Base(place))
		if place == file {
			return File(disk.OS, place, poll)
		}
		return Open(disk.OS, place, poll, settings, nil)
	}
	configure("elsewhere")
	go s.Run(ctx)
	next := func() Snapshot {
		t.Helper()
		select {
		case u := <-s.Updates():
			return u.Snapshot
		case <-ctx.Done():
			t.Fatal("no snapshot")
			return Snapshot{}
		}
	}
	if snap := next(); len(snap.BadConfig) > 0 {
		t.Errorf("the first configuration is refused: %v", snap.BadConfig)
	}
	configure("here")
	if snap := next(); len(snap.BadConfig) > 0 || filepath.Base(snap.Config.Services[0]) != "here" {
		t.Errorf("%v, %q", snap.BadConfig, snap.Config.Services)
	}
	configure("elsewhere")
	if snap := next(); !strings.Contains(fmt.Sprint(snap.BadConfig), "it is elsewhere") || filepath.Base(snap.Config.Services[0]) != "here" {
		t.Errorf("%v, %q", snap.BadConfig, snap.Config.Services)
	}
	if want := []string{"open announcer.toml", "before elsewhere", "open elsewhere", "open here"}; !slices.Equal(done, want) {
		t.Errorf("done: %q; want %q", done, want)
	}
}

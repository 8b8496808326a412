package conformance

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"announcer/internal/avahixml"
	"announcer/services"
)

// Announcer is the command announcer run.
type Announcer struct {
	Path string // of the program
}

// Write implements [Program].
func (a Announcer) Write(dir string, s Setup) error {
	config := fmt.Sprintf("[daemon]\nservices = \"services\"\ninterfaces = %q\n", Interface)
	if s.Host != "" {
		config += fmt.Sprintf("host = %q\n", s.Host)
	}
	if err := os.WriteFile(filepath.Join(dir, "announcer.toml"), []byte(config), 0o644); err != nil {
		return err
	}
	return WriteServices(filepath.Join(dir, "services"), s.Groups)
}

// Command implements [Program].
func (a Announcer) Command(dir string) *exec.Cmd {
	return exec.Command(a.Path, "run", "--config", filepath.Join(dir, "announcer.toml"))
}

// RestartSignal implements [Restarter].
func (a Announcer) RestartSignal() syscall.Signal { return syscall.SIGUSR1 }

// WriteServices makes a folder of Avahi files, one per group and no others. A group keeps its file when others come and
// go.
func WriteServices(dir string, groups []services.Group) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	wanted := map[string]bool{}
	for _, g := range groups {
		text, findings := avahixml.Encode(g)
		if err := findings.Err(); err != nil {
			return fmt.Errorf("%w: %w", ErrUnsupported, err)
		}
		name := fmt.Sprintf("%x.service", g.Name)
		wanted[name] = true
		if err := replace(filepath.Join(dir, name), text); err != nil {
			return err
		}
	}
	return removeOthers(dir, wanted)
}

// replace writes a file where its text changes.
func replace(path string, text []byte) error {
	if old, err := os.ReadFile(path); err == nil && string(old) == string(text) {
		return nil
	}
	return os.WriteFile(path, text, 0o644)
}

func removeOthers(dir string, wanted map[string]bool) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !wanted[e.Name()] {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

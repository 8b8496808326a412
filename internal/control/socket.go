// Package control connects the commands to the daemon, by HTTP over a Unix socket. The permissions of the socket admit
// the user that the daemon runs as, and that user's group.
package control

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

const (
	socketName = "announcer.sock"
	lockSuffix = ".lock"
	mode       = 0o660
)

// The directories of the system for the socket: that of the unit, and the one for a daemon that runs without the unit.
const (
	unitDir   = "/run/announcer/control"
	systemDir = "/run/announcer"
)

// Places returns the paths of the socket, in the order in which they are tried: the one that is named, or else those in
// the directories that service manager, system and login session have for it.
func Places(named string, getenv func(string) string) []string {
	if named != "" {
		return []string{named}
	}
	// A service manager may give several directories, with colons between them (systemd.exec(5)).
	own, _, _ := strings.Cut(getenv("RUNTIME_DIRECTORY"), ":")
	var places []string
	for _, dir := range []string{own, unitDir, systemDir, getenv("XDG_RUNTIME_DIR")} {
		if place := filepath.Join(dir, socketName); dir != "" && !slices.Contains(places, place) {
			places = append(places, place)
		}
	}
	return places
}

// RunningError reports another daemon that has the socket.
type RunningError struct {
	Path string
	PID  int // 0 if unknown
}

func (e *RunningError) Error() string {
	who := "another announcer"
	if e.PID != 0 {
		who = fmt.Sprintf("another announcer (pid %d)", e.PID)
	}
	return fmt.Sprintf("%s already listens on %s; want it stopped, or --socket PATH for a second one", who, e.Path)
}

// Listen opens the socket at the first of the places where it can, replacing a socket that a dead daemon left. Of
// daemons that start at once one gets it: each holds a lock beside its socket for as long as it listens. The error is a
// *[RunningError] where a daemon that lives has the socket.
func Listen(system System, places []string) (net.Listener, error) {
	var errs []error
	for _, path := range places {
		l, err := listen(system, path)
		if running, ok := errors.AsType[*RunningError](err); ok {
			return nil, running
		}
		if err == nil {
			return l, nil
		}
		errs = append(errs, fmt.Errorf("no control socket at %s: %w", path, err))
	}
	return nil, errors.Join(errs...)
}

func listen(system System, path string) (net.Listener, error) {
	lock, err := system.Lock(path + lockSuffix)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, errors.New("the directory does not exist; want it created, or --socket PATH")
	case errors.Is(err, ErrLocked):
		running, _ := system.Connect(path) // 0: it is about to listen
		return nil, &RunningError{path, running}
	case err != nil:
		if running, err := system.Connect(path); err == nil {
			return nil, &RunningError{path, running}
		}
		return nil, cause(err)
	}
	l, err := bind(system, path, lock)
	if err != nil {
		lock.Release()
		return nil, err
	}
	return l, nil
}

// bind opens the socket, whose lock this process has.
func bind(system System, path string, lock Lock) (net.Listener, error) {
	if err := clear(system, path); err != nil {
		return nil, err
	}
	l, err := system.Bind(path)
	if err != nil {
		return nil, cause(err)
	}
	own, err := newListener(system, l, path, lock, lookTime)
	if err != nil {
		l.Close()
		return nil, cause(err)
	}
	return own, nil
}

// clear removes the socket of a daemon that is dead, if there is one.
func clear(system System, path string) error {
	info, err := system.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && info.Mode()&fs.ModeSocket == 0 {
		return errors.New("another file is in its place; want it removed, or --socket PATH")
	}
	switch running, err := system.Connect(path); {
	case err == nil:
		return &RunningError{path, running}
	case errors.Is(err, syscall.ECONNREFUSED):
		return system.Remove(path)
	default:
		return cause(err)
	}
}

// cause strips from an error what is reported anyway: the operation and the path.
func cause(err error) error {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno
	}
	return err
}

// Package control is how the commands talk to the daemon: HTTP over a Unix socket. Who may use the socket is a matter
// of the file's permissions: the user that the daemon runs as, and that user's group.
package control

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

const (
	socketName = "announcer.sock"
	systemDir  = "/run/announcer"
	mode       = 0o660
)

// Places gives the paths of the socket, in the order in which they are tried: the one that is named, or else those in
// the directories that service manager, system and login session have for it.
func Places(named string, getenv func(string) string) []string {
	if named != "" {
		return []string{named}
	}
	// A service manager may give several directories, with colons between them (systemd.exec(5)).
	own, _, _ := strings.Cut(getenv("RUNTIME_DIRECTORY"), ":")
	var places []string
	for _, dir := range []string{own, systemDir, getenv("XDG_RUNTIME_DIR")} {
		if place := filepath.Join(dir, socketName); dir != "" && (len(places) == 0 || places[0] != place) {
			places = append(places, place)
		}
	}
	return places
}

// RunningError tells of another daemon that has the socket.
type RunningError struct {
	Path string
	PID  int // 0 where it is not known
}

func (e *RunningError) Error() string {
	who := "another announcer"
	if e.PID != 0 {
		who = fmt.Sprintf("another announcer (pid %d)", e.PID)
	}
	return fmt.Sprintf("%s runs already and listens on %s; want that one stopped, or --socket PATH for a second one", who, e.Path)
}

// Listen opens the socket at the first of the places where it can, in the place of a socket that a dead daemon left.
// The error is a *[RunningError] where a daemon that lives has it.
func Listen(places []string) (net.Listener, error) {
	var errs []error
	for _, path := range places {
		l, err := listen(path)
		if running, ok := errors.AsType[*RunningError](err); ok {
			return nil, running
		}
		if err == nil {
			return l, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

func listen(path string) (*net.UnixListener, error) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if errors.Is(err, syscall.EADDRINUSE) {
		if err := clear(path); err != nil {
			return nil, err
		}
		l, err = net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no control socket at %s: there is no such directory; want it made, or --socket PATH", path)
	}
	if err != nil {
		return nil, fmt.Errorf("no control socket at %s: %w", path, cause(err))
	}
	if err := os.Chmod(path, mode); err != nil {
		l.Close()
		return nil, fmt.Errorf("no control socket at %s: %w", path, cause(err))
	}
	return l, nil
}

// clear removes the socket of a daemon that is dead.
func clear(path string) error {
	info, err := os.Lstat(path)
	if err == nil && info.Mode()&fs.ModeSocket == 0 {
		return fmt.Errorf("no control socket at %s: there is something else; want it removed, or --socket PATH", path)
	}
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	switch {
	case err == nil:
		defer conn.Close()
		return &RunningError{path, peer(conn)}
	case errors.Is(err, syscall.ECONNREFUSED):
		return os.Remove(path)
	}
	return fmt.Errorf("no control socket at %s: %w", path, cause(err))
}

// cause strips from an error what is told anyway: the operation and the path.
func cause(err error) error {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno
	}
	return err
}

package daemon

import (
	"errors"
	"log/slog"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	notify "github.com/coreos/go-systemd/v22/daemon"
)

// heartbeat is how often the daemon looks after itself, unless the service manager wants to hear of it more often.
const heartbeat = 5 * time.Second

// Manager is a service manager that wants to know the state of the daemon (sd_notify(3)).
type Manager interface {
	There() bool                      // it wants notifications
	Watchdog() (time.Duration, error) // within which it wants a sign of life; 0: it wants none
	Notify(state string) error
}

// environment is the service manager that the environment of this process names.
type environment struct{ *messenger }

func (environment) There() bool { return os.Getenv("NOTIFY_SOCKET") != "" }

func (environment) Watchdog() (time.Duration, error) { return notify.SdWatchdogEnabled(false) }

// systemd reports the state of the daemon to the service manager, if there is one.
type systemd struct {
	manager  Manager
	log      *slog.Logger
	watchdog time.Duration // as the manager says it
	line     string        // what it knows, or will
	unsent   []string      // messages that it could not be given yet, one of each kind
	deaf     bool          // the last one could not be sent
}

func newSystemd(m Manager, log *slog.Logger) systemd {
	if m == nil {
		m = environment{newMessenger()}
	}
	watchdog, err := m.Watchdog()
	if err != nil {
		log.Warn("the service manager's watchdog is not understood", "error", err)
	}
	return systemd{manager: m, log: log, watchdog: watchdog}
}

// interval is how often [systemd.alive] is to be called: at least every most, and so many times within the watchdog's time.
func (s *systemd) interval(most time.Duration, times int) time.Duration {
	if s.watchdog > 0 {
		return max(min(most, s.watchdog/time.Duration(times)), time.Millisecond)
	}
	return most
}

// ready reports that all that was read is announced, or is being announced.
func (s *systemd) ready(line string) {
	s.line = line
	s.send(notify.SdNotifyReady + "\nSTATUS=" + line)
}

// reloading reports that everything is read again, until ready is called.
func (s *systemd) reloading() {
	s.send(notify.SdNotifyReloading + "\n" + notify.SdNotifyMonotonicUsec())
}

func (s *systemd) stopping() { s.send(notify.SdNotifyStopping) }

// alive is the sign of life; line is sent if it is new.
func (s *systemd) alive(line string) {
	if line != s.line {
		s.line = line
		s.add("STATUS=" + line)
	}
	if s.watchdog > 0 {
		s.add(notify.SdNotifyWatchdog)
	}
	s.deliver()
}

func (s *systemd) send(message string) {
	s.add(message)
	s.deliver()
}

// add has a message be sent by deliver, instead of another one of its kind that could not be sent.
func (s *systemd) add(message string) {
	s.unsent = append(slices.DeleteFunc(s.unsent, func(other string) bool { return kind(other) == kind(message) }), message)
}

// deliver sends what is to be sent, as far as it can now.
func (s *systemd) deliver() {
	for s.owes() {
		err := s.manager.Notify(s.unsent[0])
		if err != nil && !s.deaf {
			s.log.Warn("the service manager is not notified", "error", err)
		}
		if err == nil && s.deaf {
			s.log.Info("the service manager is notified again")
		}
		if s.deaf = err != nil; s.deaf && isPassing(err) {
			return
		}
		s.unsent = s.unsent[1:]
	}
}

// passing are the errors after which a message can be sent later, unlike to a socket that is not there.
var passing = []syscall.Errno{syscall.EAGAIN, syscall.EINTR, syscall.ENOBUFS, syscall.ENOMEM, syscall.EMFILE, syscall.ENFILE}

func isPassing(err error) bool {
	errno, ok := errors.AsType[syscall.Errno](err)
	return ok && slices.Contains(passing, errno)
}

// kind returns what a message is about.
func kind(message string) string {
	kind, _, _ := strings.Cut(message, "=") // what it says of that is no matter here
	return kind
}

// owes reports whether there are messages to send.
func (s *systemd) owes() bool { return len(s.unsent) > 0 }

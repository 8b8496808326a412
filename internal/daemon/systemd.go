package daemon

import (
	"log/slog"
	"os"
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
type environment struct{ socket int } // -1: there is none

func (environment) There() bool { return os.Getenv("NOTIFY_SOCKET") != "" }

func (environment) Watchdog() (time.Duration, error) { return notify.SdWatchdogEnabled(false) }

// Notify needs no connection where it does not wait: that saves a process at rest the most of what a message costs.
func (e environment) Notify(state string) error {
	if sendNow(e.socket, state) {
		return nil
	}
	_, err := notify.SdNotify(false, state)
	return err
}

// systemd reports the state of the daemon to the service manager, if there is one.
type systemd struct {
	manager  Manager
	log      *slog.Logger
	watchdog time.Duration // as the manager says it
	line     string        // what it knows
}

func newSystemd(m Manager, log *slog.Logger) systemd {
	if m == nil {
		m = environment{openUnixgram()}
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
		s.send("STATUS=" + line)
	}
	if s.watchdog > 0 {
		s.send(notify.SdNotifyWatchdog)
	}
}

func (s *systemd) send(state string) {
	if err := s.manager.Notify(state); err != nil {
		s.log.Debug("the service manager is not notified", "error", err)
	}
}

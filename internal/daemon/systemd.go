package daemon

import (
	"log/slog"
	"os"
	"time"

	notify "github.com/coreos/go-systemd/v22/daemon"
)

// heartbeat is how often the daemon looks after itself, unless the service manager wants to hear of it more often.
const heartbeat = 5 * time.Second

// systemd reports the state of the daemon to the service manager (sd_notify(3)), if there is one.
type systemd struct {
	log      *slog.Logger
	watchdog time.Duration // within which it wants a sign of life; 0: it wants none
	line     string        // what it knows
}

func newSystemd(log *slog.Logger) systemd {
	watchdog, err := notify.SdWatchdogEnabled(false)
	if err != nil {
		log.Warn("the service manager's watchdog is not understood", "error", err)
	}
	return systemd{log: log, watchdog: watchdog}
}

// there reports whether there is a service manager that wants notifications.
func (s *systemd) there() bool { return os.Getenv("NOTIFY_SOCKET") != "" }

// interval is how often [systemd.alive] is to be called.
func (s *systemd) interval() time.Duration {
	if s.watchdog > 0 {
		return max(min(heartbeat, s.watchdog/3), time.Millisecond)
	}
	return heartbeat
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
	if _, err := notify.SdNotify(false, state); err != nil {
		s.log.Debug("the service manager is not notified", "error", err)
	}
}

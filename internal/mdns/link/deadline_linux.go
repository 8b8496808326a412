package link

import (
	"time"

	"golang.org/x/sys/unix"

	"announcer/internal/timerfd"
)

// deadline is a timer of the kernel that epoll watches.
type deadline struct {
	timer timerfd.FD
	at    time.Time // that it is set for; zero: for no time
}

// openDeadline makes a timer that an epoll instance watches.
func openDeadline(epoll int) (deadline, error) {
	timer, err := timerfd.Open(unix.CLOCK_MONOTONIC)
	if err != nil {
		return deadline{}, err
	}
	if err := watch(epoll, int(timer), unix.EPOLLIN|unix.EPOLLET); err != nil {
		timer.Close()
		return deadline{}, err
	}
	return deadline{timer: timer}, nil
}

// set sets the timer for a time; zero is never.
func (d *deadline) set(at time.Time) {
	if at.Equal(d.at) {
		return
	}
	d.at = at
	if at.IsZero() {
		d.timer.Set(0)
	} else {
		d.timer.Set(max(time.Until(at), 1))
	}
}

// pass notes that the time is over.
func (d *deadline) pass() { d.at = time.Time{} }

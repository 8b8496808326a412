package link

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// deadline is a timer of the kernel that epoll watches. The runtime's timers would do, but with each of them its watchdog thread wakes
// up, too, and again and again until the timer was served.
type deadline struct {
	fd int
	at time.Time // that it is set for; zero: for no time
}

// openDeadline makes a timer that an epoll instance watches.
func openDeadline(epoll int) (deadline, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		return deadline{}, err
	}
	if err := watch(epoll, fd); err != nil {
		unix.Close(fd)
		return deadline{}, err
	}
	return deadline{fd: fd}, nil
}

// set sets the timer for a time; zero is never.
func (d *deadline) set(at time.Time) {
	if at.Equal(d.at) {
		return
	}
	d.at = at
	var spec unix.ItimerSpec
	if !at.IsZero() {
		spec.Value = unix.NsecToTimespec(int64(max(time.Until(at), 1)))
	}
	unix.RawSyscall6(unix.SYS_TIMERFD_SETTIME, uintptr(d.fd), 0, uintptr(unsafe.Pointer(&spec)), 0, 0, 0)
}

// pass notes that the time is over.
func (d *deadline) pass() {
	drain(d.fd)
	d.at = time.Time{}
}

// drain takes the count out of an eventfd or a timerfd.
func drain(fd int) {
	var count [8]byte
	unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&count)), unsafe.Sizeof(count))
}

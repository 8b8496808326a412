package timerfd

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// FD is the file descriptor of a timer, which poll(2) and epoll(7) report when the timer has expired, until it is set again. Its
// functions never wait, and so the runtime need not know of them.
type FD int

// Open makes a timer of a clock, such as [unix.CLOCK_MONOTONIC], that is not set.
func Open(clock int) (FD, error) {
	fd, err := unix.TimerfdCreate(clock, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	return FD(fd), err
}

// Set sets the timer to expire after a time; 0 is never.
func (fd FD) Set(d time.Duration) { fd.set(0, d.Nanoseconds()) }

// SetUntil sets a timer of CLOCK_REALTIME. It expires before if the clock is set. SetUntil reports false if the clock has been set since
// the timer was: the time may have been meant by the clock as it was before.
func (fd FD) SetUntil(at time.Time) (ok bool) {
	return fd.set(unix.TFD_TIMER_ABSTIME|unix.TFD_TIMER_CANCEL_ON_SET, at.UnixNano()) != unix.ECANCELED
}

func (fd FD) set(flags uintptr, ns int64) unix.Errno {
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(ns)}
	_, _, errno := unix.RawSyscall6(unix.SYS_TIMERFD_SETTIME, uintptr(fd), flags, uintptr(unsafe.Pointer(&spec)), 0, 0, 0)
	return errno
}

// Close closes the timer.
func (fd FD) Close() error { return unix.Close(int(fd)) }

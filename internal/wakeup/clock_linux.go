package wakeup

import (
	"context"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// read reads the clocks. CLOCK_BOOTTIME goes on while the machine is suspended; every Linux has it. As in expired, the runtime need
// not know of the call.
func read() reading {
	var run unix.Timespec
	unix.RawSyscall(unix.SYS_CLOCK_GETTIME, unix.CLOCK_BOOTTIME, uintptr(unsafe.Pointer(&run)), 0)
	return reading{run: time.Duration(run.Nano()), wall: time.Duration(time.Now().UnixNano())}
}

// alarm ticks at common moments of an interval, and at once when the machine wakes up or the clock on the wall is set. Timers of
// CLOCK_MONOTONIC, such as those of the runtime, don't run while the machine is suspended. If no timer is available, the
// runtime's is used.
func alarm(ctx context.Context, every time.Duration) <-chan struct{} {
	timer, conn, err := openTimer(unix.CLOCK_REALTIME)
	if err != nil {
		return ticker(ctx, every)
	}
	ticks := make(chan struct{}, 1)
	context.AfterFunc(ctx, func() { timer.Close() })
	go func() {
		defer close(ticks)
		_ = conn.Read(func(fd uintptr) (done bool) { // an error says that it is closed
			if expired(fd) {
				tick(ticks)
			}
			set(fd, every)
			return false
		})
	}()
	return ticks
}

// openTimer makes a timer of a clock that is not set.
func openTimer(clock int) (*os.File, syscall.RawConn, error) {
	fd, err := unix.TimerfdCreate(clock, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		return nil, nil, err
	}
	timer := os.NewFile(uintptr(fd), "timer")
	conn, err := timer.SyscallConn()
	return timer, conn, err
}

// expired reports whether a timer has expired, or was cancelled since the clock was set. The call never waits, and so the
// runtime need not know of it, whose watchdog thread would wake up.
func expired(fd uintptr) bool {
	var count [8]byte
	_, _, errno := unix.RawSyscall(unix.SYS_READ, fd, uintptr(unsafe.Pointer(&count)), unsafe.Sizeof(count))
	return errno == 0 || errno == unix.ECANCELED
}

// set sets a timer of CLOCK_REALTIME for the next common moment. It expires before if the clock is set.
func set(fd uintptr, every time.Duration) {
	now := time.Now()
	setTo(fd, unix.TFD_TIMER_ABSTIME|unix.TFD_TIMER_CANCEL_ON_SET, now.Add(Until(now, every)).UnixNano())
}

// setTo sets a timer for a time in nanoseconds.
func setTo(fd, flags uintptr, ns int64) {
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(ns)}
	unix.RawSyscall6(unix.SYS_TIMERFD_SETTIME, fd, flags, uintptr(unsafe.Pointer(&spec)), 0, 0, 0)
}

// open opens a timer that calls pass. It goes on as those of the runtime do, whatever happens to the clock on the wall.
func (m *moments) open() error {
	_, conn, err := openTimer(unix.CLOCK_MONOTONIC)
	if err != nil {
		return err
	}
	m.set = func(d time.Duration) {
		_ = conn.Control(func(fd uintptr) { setTo(fd, 0, d.Nanoseconds()) }) // it is never closed
	}
	go func() {
		_ = conn.Read(func(fd uintptr) (done bool) {
			if expired(fd) {
				m.pass()
			}
			return false
		})
	}()
	return nil
}

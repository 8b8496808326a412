package wakeup

import (
	"context"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"announcer/internal/timerfd"
)

// read reads the clocks. CLOCK_BOOTTIME goes on while the machine is suspended; every Linux has it. The call never waits, and so the
// runtime need not know of it.
func read() reading {
	var run unix.Timespec
	unix.RawSyscall(unix.SYS_CLOCK_GETTIME, unix.CLOCK_BOOTTIME, uintptr(unsafe.Pointer(&run)), 0)
	return reading{run: time.Duration(run.Nano()), wall: time.Duration(time.Now().UnixNano())}
}

// alarm ticks at common moments of an interval, and at once when the machine wakes up or the clock on the wall is set. Timers of
// CLOCK_MONOTONIC, such as those of the runtime, don't run while the machine is suspended. If no timer is available, the
// runtime's is used.
func alarm(ctx context.Context, every time.Duration) <-chan struct{} {
	timer, file, conn, err := openTimer(unix.CLOCK_REALTIME)
	if err != nil {
		return ticker(ctx, every)
	}
	ticks := make(chan struct{}, 1)
	context.AfterFunc(ctx, func() { file.Close() })
	go func() {
		defer close(ticks)
		_ = conn.Read(func(uintptr) (done bool) { // an error says that it is closed
			if timer.Expired() {
				tick(ticks)
			}
			now := time.Now()
			timer.SetUntil(now.Add(Until(now, every)))
			return false
		})
	}()
	return ticks
}

// openTimer makes a timer of a clock, as a file for which the runtime waits.
func openTimer(clock int) (timerfd.FD, *os.File, syscall.RawConn, error) {
	timer, err := timerfd.Open(clock)
	if err != nil {
		return timer, nil, nil, err
	}
	file := os.NewFile(uintptr(timer), "timer")
	conn, err := file.SyscallConn()
	return timer, file, conn, err
}

// open opens a timer that calls pass. It goes on as those of the runtime do, whatever happens to the clock on the wall.
func (m *moments) open() error {
	timer, _, conn, err := openTimer(unix.CLOCK_MONOTONIC)
	if err != nil {
		return err
	}
	m.set = timer.Set // it is never closed
	go func() {
		_ = conn.Read(func(uintptr) (done bool) {
			if timer.Expired() {
				m.pass()
			}
			return false
		})
	}()
	return nil
}

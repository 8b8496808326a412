package wakeup

import (
	"os"
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

// open opens a timer that calls pass when it expires, and when the clock on the wall is set. After a suspend that lasted longer it expires
// at once; a timer of CLOCK_MONOTONIC, such as those of the runtime, does not run while the machine is suspended. end closes it.
func (m *moments) open() (end func(), err error) {
	timer, err := timerfd.Open(unix.CLOCK_REALTIME)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(timer), "timer")
	conn, err := file.SyscallConn()
	if err != nil {
		return nil, err
	}
	m.set = func(d time.Duration) {
		_ = conn.Control(func(uintptr) { // an error says that it is closed
			for !timer.SetUntil(time.Now().Add(d)) {
				d = 1 // the clock was set
			}
		})
	}
	go conn.Read(func(uintptr) (done bool) { // likewise
		m.pass()
		return false
	})
	return func() { file.Close() }, nil
}

package wakeup

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// read reads the clocks. CLOCK_BOOTTIME goes on while the machine is suspended.
func read() reading {
	return reading{run: clock(unix.CLOCK_BOOTTIME), wall: clock(unix.CLOCK_REALTIME)}
}

func clock(id int32) time.Duration {
	var now unix.Timespec
	_ = unix.ClockGettime(id, &now) // both are on every Linux
	return time.Duration(now.Nano())
}

// alarm ticks at regular times, and at once when the machine wakes up or the clock on the wall is set. Timers of
// CLOCK_MONOTONIC, such as those of the runtime, don't run while the machine is suspended. If no timer is available, the
// runtime's is used.
func alarm(ctx context.Context) <-chan struct{} {
	regular, err := openTimer(unix.CLOCK_BOOTTIME, 0, every)
	if err != nil {
		return ticker(ctx)
	}
	files := []*os.File{regular}
	// This one is there to be cancelled when the clock is set. It is never awaited.
	if set, err := openTimer(unix.CLOCK_REALTIME, unix.TFD_TIMER_ABSTIME|unix.TFD_TIMER_CANCEL_ON_SET, farAway); err == nil {
		files = append(files, set)
	}
	ticks := make(chan struct{}, 1)
	var readers sync.WaitGroup
	for _, f := range files {
		context.AfterFunc(ctx, func() { f.Close() })
		readers.Go(func() { expirations(f, ticks) })
	}
	go func() {
		readers.Wait()
		close(ticks)
	}()
	return ticks
}

// farAway is a time of the clock on the wall, in the year 2200.
const farAway = 230 * 365 * 24 * time.Hour

// openTimer makes a timer that expires at a time, or after it and then regularly.
func openTimer(clock, flags int, at time.Duration) (*os.File, error) {
	fd, err := unix.TimerfdCreate(clock, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		return nil, err
	}
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(at.Nanoseconds())}
	if flags == 0 {
		spec.Interval = spec.Value
	}
	if err := unix.TimerfdSettime(fd, flags, &spec, nil); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), "timer"), nil
}

// expirations ticks whenever a timer expires or is cancelled, until it is closed.
func expirations(f *os.File, ticks chan<- struct{}) {
	var count [8]byte
	for {
		if _, err := f.Read(count[:]); err != nil && !errors.Is(err, unix.ECANCELED) {
			return
		}
		tick(ticks)
	}
}

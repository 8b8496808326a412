package timerfd

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestTimer has timers expire once each time they are set, not before, and not when they are set to never.
func TestTimer(t *testing.T) {
	const d = 10 * time.Millisecond
	for _, test := range []struct {
		name    string
		clock   int
		set     func(fd FD)
		expires bool
	}{
		{"after a time", unix.CLOCK_MONOTONIC, func(fd FD) { fd.Set(d) }, true},
		{"at a time", unix.CLOCK_REALTIME, func(fd FD) { fd.SetUntil(time.Now().Add(d)) }, true},
		{"never", unix.CLOCK_MONOTONIC, func(fd FD) { fd.Set(d); fd.Set(0) }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			fd, err := Open(test.clock)
			if err != nil {
				t.Fatal(err)
			}
			defer fd.Close()
			for range 2 {
				start := time.Now()
				test.set(fd)
				n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(5*d/time.Millisecond))
				if took := time.Since(start); err != nil || (n > 0) != test.expires || test.expires && took < d {
					t.Errorf("%d events after %v, %v; want one: %t", n, took, err, test.expires)
				}
			}
		})
	}
}

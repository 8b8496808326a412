package timerfd_test

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"announcer/internal/timerfd"
)

func ExampleFD() {
	timer, err := timerfd.Open(unix.CLOCK_MONOTONIC)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer timer.Close()
	timer.Set(time.Millisecond)
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(timer), Events: unix.POLLIN}}, -1)
	fmt.Println(n, err)
	// Output: 1 <nil>
}

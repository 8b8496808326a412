package wakeup

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A timer of CLOCK_BOOTTIME ticks again and again, and one for the clock on the wall waits.
func TestTimers(t *testing.T) {
	regular, err := openTimer(unix.CLOCK_BOOTTIME, 0, time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	set, err := openTimer(unix.CLOCK_REALTIME, unix.TFD_TIMER_ABSTIME|unix.TFD_TIMER_CANCEL_ON_SET, farAway)
	if err != nil {
		t.Fatal(err)
	}
	ticks, ended := make(chan struct{}, 1), make(chan struct{}, 2)
	go func() { expirations(regular, ticks); ended <- struct{}{} }()
	silent := make(chan struct{}, 1)
	go func() { expirations(set, silent); ended <- struct{}{} }()
	<-ticks
	<-ticks
	regular.Close()
	set.Close()
	<-ended
	<-ended
	if len(silent) > 0 {
		t.Error("the timer for the clock on the wall has expired")
	}
}

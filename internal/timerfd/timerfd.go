// Package timerfd sets timers of the Linux kernel (timerfd_create(2)). With each timer of the runtime that expires, its watchdog
// thread wakes up too, and again and again until the timer was served; with these it does not.
package timerfd

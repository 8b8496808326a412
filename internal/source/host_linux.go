package source

import (
	"context"
	"os"

	"golang.org/x/sys/unix"
)

// hostFile is the file for which the kernel reports a change of the name of the host, to poll(2). A process that sees no
// more of /proc than other processes does not have it.
const hostFile = "/proc/sys/kernel/hostname"

// followHost calls changed with each other name that this host gets after last, until ctx is done. If the kernel does not
// report changes, it returns false and the last name.
func followHost(ctx context.Context, last string, changed func(name string)) (ok bool, now string) {
	fd, err := unix.Open(hostFile, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return false, last
	}
	file := os.NewFile(uintptr(fd), hostFile) // which the runtime's poller watches
	defer file.Close()
	defer context.AfterFunc(ctx, func() { file.Close() })()
	events, err := file.SyscallConn()
	if err != nil {
		return false, last
	}
	_ = events.Read(func(uintptr) (done bool) { // an error says that it is closed, or can't be watched
		if now := HostName(); now != last {
			last = now
			changed(now)
		}
		return false
	})
	return ctx.Err() != nil, last
}

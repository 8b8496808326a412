package daemon

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// openUnixgram opens a socket for messages to the service manager; -1 is none.
func openUnixgram() int {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1
	}
	return fd
}

// sendNow sends a message to the service manager (sd_notify(3)), and reports whether that was possible without waiting.
func sendNow(socket int, message string) bool {
	to, data := unix.RawSockaddrUnix{Family: unix.AF_UNIX}, []byte(message)
	name := os.Getenv("NOTIFY_SOCKET")
	if socket < 0 || name == "" || len(name) >= len(to.Path) || len(data) == 0 {
		return false
	}
	for i := range len(name) {
		to.Path[i] = int8(name[i])
	}
	if to.Path[0] == '@' {
		to.Path[0] = 0 // an abstract name
	}
	size := unsafe.Offsetof(to.Path) + uintptr(len(name))
	_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(socket), uintptr(unsafe.Pointer(&data[0])), uintptr(len(data)),
		unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, uintptr(unsafe.Pointer(&to)), size)
	return errno == 0
}

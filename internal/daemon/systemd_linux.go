package daemon

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// messenger sends messages to the service manager (sd_notify(3)), and does not wait: a manager that stands still hears nothing. It needs
// no connection, which saves a process at rest the most of what a message costs.
type messenger struct{ socket int } // -1: none is open

func newMessenger() *messenger { return &messenger{-1} }

// open opens the socket, if that was not possible yet.
func (m *messenger) open() (err error) {
	if m.socket < 0 {
		m.socket, err = unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	}
	return err
}

// Notify implements [Manager].
func (m *messenger) Notify(message string) error {
	to, data := unix.RawSockaddrUnix{Family: unix.AF_UNIX}, []byte(message)
	name := os.Getenv("NOTIFY_SOCKET")
	switch {
	case name == "" || len(data) == 0:
		return nil
	case len(name) >= len(to.Path):
		return unix.ENAMETOOLONG
	}
	if err := m.open(); err != nil {
		return err
	}
	for i := range len(name) {
		to.Path[i] = int8(name[i])
	}
	if to.Path[0] == '@' {
		to.Path[0] = 0 // an abstract name
	}
	size := unsafe.Offsetof(to.Path) + uintptr(len(name))
	_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(m.socket), uintptr(unsafe.Pointer(&data[0])), uintptr(len(data)),
		unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, uintptr(unsafe.Pointer(&to)), size)
	if errno != 0 {
		return errno
	}
	return nil
}

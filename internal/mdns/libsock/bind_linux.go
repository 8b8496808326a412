package libsock

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

func bind(fd uintptr, link string) error {
	err := unix.BindToDevice(int(fd), link)
	if errors.Is(err, unix.EPERM) {
		return fmt.Errorf("%w; want Linux 5.7 or later, or the capability CAP_NET_RAW", err)
	}
	if err == nil {
		drain(int(fd))
	}
	return err
}

// maxQueued is more than the packets that a socket's receive buffer holds.
const maxQueued = 1000

// drain drops what a socket has heard on other links before it was bound to its own.
func drain(fd int) {
	var buf [1]byte
	for range maxQueued {
		if _, _, err := unix.Recvfrom(fd, buf[:], unix.MSG_DONTWAIT); err != nil {
			return
		}
	}
}

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
	return err
}

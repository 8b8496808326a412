//go:build unix

package source

import "golang.org/x/sys/unix"

// nodename returns the system's name of this host, by uname(2). os.Hostname reads it from /proc/sys where it has 64 bytes,
// the most on Linux, which a confined process can't.
func nodename() (string, error) {
	var u unix.Utsname
	err := unix.Uname(&u)
	return unix.ByteSliceToString(u.Nodename[:]), err
}

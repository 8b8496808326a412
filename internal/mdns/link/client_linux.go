package link

import (
	"fmt"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// clientPrefix begins the names of Unix sockets, in the abstract namespace, which mark UDP sockets on port 5353 as those of a
// client. The target of the UDP socket follows. Any user may read these names.
const clientPrefix = "announcer/client/"

// markClient marks a UDP socket of a client, which has an inode. The mark lasts until its file descriptor, which is returned, is closed.
// It is -1 if the socket can't be marked: other programs then take it for that of a responder.
func markClient(inode uint64) (fd int) {
	if inode == 0 {
		return -1
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1
	}
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: "@" + clientPrefix + target(inode)}); err != nil {
		unix.Close(fd)
		return -1
	}
	return fd
}

// MarkClient marks a socket on port 5353 that another package has opened as that of a client, until unmark is called:
// [Sharing] does not name it. It does nothing if the system refuses that.
func MarkClient(conn syscall.Conn) (unmark func()) {
	mark := -1
	if raw, err := conn.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { mark = markClient(inodeOf(int(fd))) }) // a socket that is closed needs no mark
	}
	return func() { closeMark(mark) }
}

func closeMark(fd int) {
	if fd >= 0 {
		unix.Close(fd)
	}
}

// clients returns the targets of the sockets that are marked as those of clients, in the network namespace of this thread.
func clients() map[string]bool {
	text, _ := os.ReadFile("/proc/thread-self/net/unix") // if the list can't be read, nothing is known
	return parseClients(text)
}

// parseClients reads /proc/net/unix: the last column is the name, with @ for the abstract namespace.
func parseClients(table []byte) map[string]bool {
	marked := map[string]bool{}
	for line := range strings.Lines(string(table)) {
		if _, of, ok := strings.Cut(strings.TrimSpace(line), " @"+clientPrefix); ok {
			marked[of] = true
		}
	}
	return marked
}

// inodeOf returns the inode of a socket, 0 if it is not known.
func inodeOf(fd int) uint64 {
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return 0
	}
	return stat.Ino
}

// target returns what file descriptors of a socket point to in /proc.
func target(inode uint64) string { return fmt.Sprintf("socket:[%d]", inode) }

package link

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// portSocket is a UDP socket on port 5353, as the kernel lists it.
type portSocket struct {
	inode uint64
	user  string // number
}

// portSockets lists the sockets on port 5353 in the network namespace of this thread. Any user may read the list.
func portSockets() ([]portSocket, error) {
	var found []portSocket
	var failed error
	for _, table := range []string{"udp", "udp6"} {
		text, err := os.ReadFile("/proc/thread-self/net/" + table)
		if err != nil {
			failed = err // without IPv6 there is no udp6
			continue
		}
		found = append(found, parsePortSockets(text)...)
	}
	if found == nil {
		return nil, failed
	}
	return found, nil
}

// parsePortSockets reads /proc/net/udp: of the columns, the second is the local address, the eighth the user, the
// tenth the inode.
func parsePortSockets(table []byte) []portSocket {
	suffix := fmt.Sprintf(":%04X", Port)
	var found []portSocket
	lines := bufio.NewScanner(bytes.NewReader(table))
	for lines.Scan() {
		columns := strings.Fields(lines.Text())
		if len(columns) < 10 || !strings.HasSuffix(columns[1], suffix) {
			continue
		}
		if inode, err := strconv.ParseUint(columns[9], 10, 64); err == nil {
			found = append(found, portSocket{inode, columns[7]})
		}
	}
	return found
}

// holders names the programs that have port 5353 open, for people: "avahi-daemon (pid 812)". A program of another
// user is known by its user only.
func holders() string {
	sockets, err := portSockets()
	if err != nil || len(sockets) == 0 {
		return "another program"
	}
	return strings.Join(programs(sockets), " and ")
}

// Sharers names the other programs of this host that have port 5353 open, for people, as "avahi-daemon (pid 812)". A
// program of another user is known by its user only.
func Sharers() []string {
	sockets, _ := portSockets() // where the list can't be read, nothing is known
	own := map[string]bool{}
	descriptors, _ := filepath.Glob("/proc/self/fd/[0-9]*")
	for _, path := range descriptors {
		if target, err := os.Readlink(path); err == nil {
			own[target] = true
		}
	}
	sockets = slices.DeleteFunc(sockets, func(s portSocket) bool { return own[s.target()] })
	return programs(sockets)
}

// programs names the programs that have sockets, each once.
func programs(sockets []portSocket) []string {
	var names []string
	for _, s := range sockets {
		name := owner(s.target())
		if name == "" {
			name = "a program of user " + userName(s.user)
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// userName gives the name that belongs to the number of a user, or the number.
func userName(id string) string {
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return id
}

// target is what the file descriptor of a socket points to in /proc.
func (s portSocket) target() string { return fmt.Sprintf("socket:[%d]", s.inode) }

// owner finds the process that has a socket, or gives "".
func owner(want string) string {
	descriptors, _ := filepath.Glob("/proc/[0-9]*/fd/[0-9]*")
	for _, path := range descriptors {
		if target, err := os.Readlink(path); err != nil || target != want {
			continue
		}
		process := filepath.Dir(filepath.Dir(path))
		program, err := os.ReadFile(process + "/comm")
		if err != nil {
			return ""
		}
		return fmt.Sprintf("%s (pid %s)", strings.TrimSpace(string(program)), filepath.Base(process))
	}
	return ""
}

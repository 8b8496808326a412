package link

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"announcer/internal/mdns"
	"announcer/internal/publication"
	"announcer/internal/sysdb"
	"announcer/internal/within"
)

// portSocket is a UDP socket on port 5353, as the kernel lists it.
type portSocket struct {
	addr  netip.Addr // that it is bound to
	inode uint64
	user  string // number
}

// portSockets lists the sockets on port 5353 in the network namespace of this thread. Any user may read the list.
func portSockets() ([]portSocket, error) {
	var found []portSocket
	var failed error
	for _, table := range []string{"udp", "udp6"} {
		text, err := readTable("/proc/thread-self/net/" + table)
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

// A read of a table returns a part of tablePart bytes or nearly so, unless the end is in it. A line is shorter than tableLine.
const (
	tablePart = 4096 // the least size of a page
	tableLine = 256
)

// readTable reads a table of sockets in as few calls as it takes: the kernel goes through all its sockets in each one, also in one
// that finds nothing more.
func readTable(path string) (table []byte, err error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	for {
		table = slices.Grow(table, tablePart)
		n, err := unix.Read(fd, table[len(table):cap(table)])
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, err
		}
		table = table[:len(table)+n]
		if n < tablePart-tableLine {
			return table, nil
		}
	}
}

// version returns the IP version of a socket. One of IPv6 may take the port of IPv4 too.
func (s portSocket) version() publication.IPVersion {
	if s.addr.Is4() {
		return publication.V4
	}
	return publication.V6
}

// parsePortSockets reads /proc/net/udp: of the columns, the second is the local address, the eighth the user, the
// tenth the inode.
func parsePortSockets(table []byte) []portSocket {
	suffix := fmt.Sprintf(":%04X", mdns.Port)
	var found []portSocket
	for line := range strings.Lines(string(table)) {
		columns := strings.Fields(line)
		if len(columns) < 10 || !strings.HasSuffix(columns[1], suffix) {
			continue
		}
		addr := parseTableAddr(strings.TrimSuffix(columns[1], suffix))
		if inode, err := strconv.ParseUint(columns[9], 10, 64); err == nil && addr.IsValid() {
			found = append(found, portSocket{addr, inode, columns[7]})
		}
	}
	return found
}

// parseTableAddr reads an address as the kernel lists it: words of 32 bits, each in the byte order of the machine.
func parseTableAddr(text string) netip.Addr {
	bytes, err := hex.DecodeString(text)
	if err != nil || len(bytes)%4 != 0 {
		return netip.Addr{}
	}
	for i := 0; i < len(bytes); i += 4 {
		binary.NativeEndian.PutUint32(bytes[i:], binary.BigEndian.Uint32(bytes[i:]))
	}
	addr, _ := netip.AddrFromSlice(bytes)
	return addr
}

// unknownHolder stands for a program that can't be found out.
const unknownHolder = "another program"

// holder names the programs that have port 5353 of an IP version for themselves, for people: "dnsmasq (pid 812)". A
// program of another user is known by its user only.
func holder(v publication.IPVersion) string {
	sockets, err := portSockets()
	sockets = holding(sockets, v)
	if err != nil || len(sockets) == 0 {
		return unknownHolder
	}
	return strings.Join(programs(sockets), " and ")
}

// Holder names the programs that have port 5353 of an IP version for themselves, for people; "" if there is none, or if that
// is not known within a second.
func Holder(v publication.IPVersion) string {
	name, _ := within.Do(holderTime, func() string { // "" if it takes longer
		sockets, _ := portSockets() // if the list can't be read, nothing is known
		return strings.Join(programs(slices.DeleteFunc(holding(sockets, v), func(s portSocket) bool { return !s.holds() })), " and ")
	})
	return name
}

// holding returns those of the sockets that keep us from the port of an IP version: a socket of that version, or else one
// of IPv6 that takes the packets of IPv4 too.
func holding(sockets []portSocket, v publication.IPVersion) []portSocket {
	for _, of := range []publication.IPVersion{v, publication.V6} {
		var candidates, found []portSocket
		for _, s := range sockets {
			if s.version() == of {
				candidates = append(candidates, s)
				if s.holds() {
					found = append(found, s)
				}
			}
		}
		if len(found) > 0 {
			return found
		}
		if len(candidates) > 0 {
			return candidates
		}
	}
	return nil
}

// holds reports whether a socket shares its address with no other one, which is found out with one.
func (s portSocket) holds() bool {
	probe := socket{version: s.version()}
	fd, err := unix.Socket(probe.family(), unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	for _, option := range []int{unix.SO_REUSEADDR, unix.SO_REUSEPORT} {
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, option, 1)
	}
	if s.addr.Is4() {
		err = unix.Bind(fd, &unix.SockaddrInet4{Port: mdns.Port, Addr: s.addr.As4()})
	} else {
		unix.SetsockoptInt(fd, unix.SOL_IPV6, unix.IPV6_V6ONLY, 1)
		err = unix.Bind(fd, &unix.SockaddrInet6{Port: mdns.Port, Addr: s.addr.As16()})
	}
	return errors.Is(err, unix.EADDRINUSE)
}

// sharers is [Sharing.Programs] without a memory. known reports whether the list of sockets could be read.
func sharers() (names []string, known bool) {
	found, err := sharing(ownSockets)
	if len(found) == 0 {
		return nil, err == nil
	}
	time.Sleep(markTime)
	still, err := sharing(ownSockets)
	return programs(slices.DeleteFunc(found, func(s portSocket) bool { return !slices.Contains(still, s) })), err == nil
}

// markTime is how long a client may take to mark a socket that it has opened.
const markTime = 200 * time.Millisecond

// sharing returns the sockets that share port 5353 with own ones, without those of clients. ownOf returns the targets of those
// of some sockets that are own ones. What is not needed is not read: a daemon at rest looks every 50 seconds.
func sharing(ownOf func([]portSocket) map[string]bool) ([]portSocket, error) {
	sockets, err := portSockets()
	own := ownOf(sockets)
	open := map[publication.IPVersion]bool{} // by this program
	for _, s := range sockets {
		open[s.version()] = open[s.version()] || own[s.target()]
	}
	sockets = slices.DeleteFunc(sockets, func(s portSocket) bool {
		return own[s.target()] || !open[s.version()] && s.holds()
	})
	if len(sockets) == 0 {
		return nil, err
	}
	marked := clients()
	return slices.DeleteFunc(sockets, func(s portSocket) bool { return marked[s.target()] }), nil
}

// ownSockets returns the targets of those sockets that file descriptors of this program point to.
func ownSockets(sockets []portSocket) map[string]bool {
	own, wanted := map[string]bool{}, map[string]bool{}
	for _, s := range sockets {
		wanted[s.target()] = true
	}
	descriptors, _ := os.ReadDir(ownDescriptors) // if they can't be read, none is known to be own
	for _, d := range descriptors {
		if len(own) == len(wanted) {
			break
		}
		if target, err := os.Readlink(ownDescriptors + d.Name()); err == nil && wanted[target] {
			own[target] = true
		}
	}
	return own
}

// ownDescriptors is the directory of the file descriptors of this program.
const ownDescriptors = "/proc/self/fd/"

// programs names the programs that have sockets, each once.
func programs(sockets []portSocket) []string {
	var names []string
	for _, s := range sockets {
		name := s.owner()
		if name == "" {
			name = "a program of user " + cmp.Or(sysdb.User(s.user), s.user)
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// target is what the file descriptor of a socket points to in /proc.
func (s portSocket) target() string { return target(s.inode) }

// remembered are the programs that [Remember] has found, by the target of their socket; nil if it was not called.
var remembered atomic.Pointer[map[string]string]

// Remember finds the programs that share port 5353 or have it for themselves now. A process that is confined afterwards may not
// see which files others have open: those that it meets later, it can only guess.
func Remember() {
	names := map[string]string{}
	sockets, _ := portSockets() // where the list can't be read, nothing is known
	for _, s := range sockets {
		if name := s.owner(); name != "" {
			names[s.target()] = name
		}
	}
	remembered.Store(&names)
}

// owner names the process that has a socket, "" if it is not known.
func (s portSocket) owner() string {
	descriptors, _ := filepath.Glob("/proc/[0-9]*/fd/[0-9]*")
	for _, path := range descriptors {
		if target, err := os.Readlink(path); err == nil && target == s.target() {
			return named(filepath.Dir(filepath.Dir(path)))
		}
	}
	if names := remembered.Load(); names != nil {
		return cmp.Or((*names)[s.target()], s.guess())
	}
	return ""
}

// named names a process, "" if it has ended. Its directory is that in /proc.
func named(process string) string {
	program, err := os.ReadFile(process + "/comm")
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%s (pid %s)", strings.TrimSpace(string(program)), filepath.Base(process))
}

// responders are usual programs on port 5353, as /proc names them.
var responders = []string{"announcer", "avahi-daemon", "mDNSResponder", "mdnsd", "systemd-resolve"}

// guess names the only process of a responder that the user of a socket has in its network, "" if there is none or several.
func (s portSocket) guess() string {
	var names []string
	processes, _ := filepath.Glob("/proc/[0-9]*")
	for _, process := range processes {
		if filepath.Base(process) == strconv.Itoa(os.Getpid()) {
			continue
		}
		name := named(process)
		if program, _, _ := strings.Cut(name, " (pid "); slices.Contains(responders, program) && s.isIn(process) {
			names = append(names, name)
		}
	}
	if len(names) != 1 {
		return ""
	}
	return names[0]
}

// isIn reports whether a process is of the user of a socket, and in its network.
func (s portSocket) isIn(process string) bool {
	var stat unix.Stat_t
	if err := unix.Stat(process, &stat); err != nil || strconv.Itoa(int(stat.Uid)) != s.user {
		return false
	}
	for _, table := range []string{"udp", "udp6"} {
		text, _ := readTable(process + "/net/" + table) // without IPv6 there is no udp6
		if slices.ContainsFunc(parsePortSockets(text), func(other portSocket) bool { return other.inode == s.inode }) {
			return true
		}
	}
	return false
}

package link

import (
	"os"
	"strings"
	"time"
)

// Sharing looks for other programs that share port 5353 with this one. It is for one goroutine.
type Sharing struct {
	count  func() string
	find   func() (names []string, known bool)
	looked time.Time
	counts string // of the sockets of this host, before that look, if it found no other program; else ""
}

// NewSharing returns a Sharing that has not looked yet.
func NewSharing() *Sharing { return &Sharing{count: new(socketCounts).read, find: sharers} }

// aloneTime is how long a look that found no other program counts while the number of sockets is the same. A program that opens a socket
// while another one closes one is noticed after it.
const aloneTime = 10 * time.Minute

// Programs names the other programs of this host that share port 5353 with this one, for people, as "avahi-daemon (pid 812)". A
// program of another user is known by its user only. One that has the port of an IP version for itself is none of them: see
// [Sockets.Faults]. Nor are clients of this project, which answer nothing: see [OpenClient].
//
// The kernel goes through all its sockets when it lists those of UDP, which takes more time than all else that a daemon at rest does;
// it counts them all the time.
func (s *Sharing) Programs() []string {
	counts := s.count()
	if counts != "" && counts == s.counts && time.Since(s.looked) < aloneTime {
		return nil
	}
	names, known := s.find()
	s.counts, s.looked = counts, time.Now()
	if names != nil || !known {
		s.counts = ""
	}
	return names
}

// socketTables are the files with the numbers of sockets. Without IPv6 there is no second one.
var socketTables = [...]string{"/proc/thread-self/net/sockstat", "/proc/thread-self/net/sockstat6"}

// socketCounts are the numbers of UDP sockets in the network namespace of the thread that read them first, as the kernel counts them.
// The files stay open: to open one takes the kernel longer than to read it.
type socketCounts struct {
	tables [len(socketTables)]*os.File // nil: it could not be opened yet
}

// read returns the numbers; "" if the kernel does not count.
func (c *socketCounts) read() (counts string) {
	var text [512]byte // a table has less
	for i, path := range socketTables {
		if c.tables[i] == nil {
			c.tables[i], _ = os.Open(path) // it is tried again by the next read
		}
		n, _ := c.tables[i].ReadAt(text[:], 0) // the end of the file is an error; what can't be read is not counted
		for line := range strings.Lines(string(text[:n])) {
			columns := strings.Fields(line) // as "UDP: inuse 5 mem 288"
			if len(columns) > 2 && (columns[0] == "UDP:" || columns[0] == "UDP6:") {
				counts += columns[0] + columns[2]
			}
		}
	}
	return counts
}

// Package sysdb reads the databases of the system that are files in /etc: users, groups, hosts and name servers.
//
// A process that is going to be confined calls [Keep] before. Afterwards, users and groups are those of that time. So are hosts
// and name servers as soon as their files were replaced: a rule of Landlock for a file is for that file, not for another one
// of its name, and one for all of /etc would be for its secrets too.
package sysdb

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
)

// The files. Tests have others.
var (
	passwdFile   = "/etc/passwd"
	groupFile    = "/etc/group"
	hostsFile    = "/etc/hosts"
	resolverFile = "/etc/resolv.conf"
)

// most is the number of bytes that are kept of a file. Lists of hosts that block advertisements are longer.
const most = 256 << 10

var (
	mu   sync.RWMutex
	kept map[string]string // contents, by path; nil: nothing is kept
)

// Keep keeps what the files hold now.
func Keep() {
	mu.Lock()
	defer mu.Unlock()
	kept = map[string]string{}
	for _, path := range []string{passwdFile, groupFile, hostsFile, resolverFile} {
		kept[path], _ = read(path) // without it there is nothing to keep
	}
	keepServers()
}

// current returns what a file holds, or held when it was kept, if this process may not read the one that took its place.
// replaced reports the latter.
func current(path string) (text string, replaced bool) {
	text, err := read(path)
	if !errors.Is(err, fs.ErrPermission) {
		return text, false
	}
	mu.RLock()
	defer mu.RUnlock()
	return kept[path], kept != nil
}

func read(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, most))
	return string(text), err
}

// words returns the words of each line, without comments.
func words(text string) (lines [][]string) {
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		if fields := strings.Fields(line); len(fields) > 0 {
			lines = append(lines, fields)
		}
	}
	return lines
}

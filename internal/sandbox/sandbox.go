// Package sandbox confines this process to the files that it needs, by Landlock, a security module of Linux. No privilege is
// needed for that, and no service manager; there is no way back.
//
// A rule of Landlock is for a file or directory, not for a name. So that a file may be replaced, appear later or be a symbolic
// link, the directories are allowed in which that would happen: see [Rules].
package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"announcer/internal/disk"
	"announcer/internal/within"
)

// Rules are what a process may use.
type Rules struct {
	// Read are files and directories to read, which may not exist yet. For each, and for each symbolic link that its path passes,
	// the directory is allowed that it is in, with all below; if nothing is there yet, the nearest existing one. Directories
	// of the system such as /etc are never allowed as a whole: there it is the file or directory itself, if it exists.
	Read []string
	// Write are directories in which files and sockets are made, replaced and removed. They must exist.
	Write []string

	Listen, Connect bool // by TCP, at any port; a socket that listens already is not affected
}

// system are directories that hold secrets beside what is read.
var system = []string{"/", "/boot", "/dev", "/etc", "/home", "/proc", "/run", "/run/user", "/sys", "/usr", "/var", "/var/lib"}

// fixed is what every process may read: itself and the network in /proc, the names of hosts and services, the time zone and
// the certificates of the system. It is allowed as it is now.
var fixed = []string{
	"/proc",
	"/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf", "/etc/services", "/etc/protocols",
	"/etc/localtime", "/usr/share/zoneinfo",
	"/etc/ssl/certs", "/etc/ssl/cert.pem", "/etc/ssl/ca-bundle.pem", "/etc/pki/tls/certs", "/etc/pki/tls/cacert.pem", "/etc/pki/ca-trust/extracted",
	"/etc/ca-certificates/extracted", "/usr/share/ca-certificates", "/usr/local/share/ca-certificates",
}

// certificates returns the files and directories that the environment names instead of those with the certificates of the system.
func certificates() []string {
	return append(filepath.SplitList(os.Getenv("SSL_CERT_DIR")), os.Getenv("SSL_CERT_FILE"))
}

// ErrUnsupported is the error of [Enter] if Landlock can't be used.
var ErrUnsupported = errors.New("the kernel has no Landlock, or a filter of system calls blocks it")

// errHangs is the error of [Enter] if a file system hangs: the kernel would wait for the thread that waits for it.
var errHangs = fmt.Errorf("a file system has not answered within %v", looking)

// looking is how long it may take to look at all paths.
const looking = 2 * time.Second

// allowed are the places below which this process may read; nil if it is not confined.
var allowed atomic.Pointer[[]place]

// grants are paths without symbolic links.
type grants struct{ read, write []string }

// place is a file or directory that is allowed. What replaces it, or is mounted over it, is not.
type place struct {
	path string
	is   fs.FileInfo
}

// Enter confines all threads of this process, now and in future, and all programs that it starts, to the rules. It returns the
// version of Landlock that the kernel has: older ones restrict less. rules is called once; it may look at files. Nothing is
// restricted if there is an error.
func Enter(rules func() Rules) (version int, err error) {
	if version = supported(); version == 0 {
		return 0, ErrUnsupported
	}
	type plan struct {
		Rules
		grants
		places []place
	}
	p, ok := within.Do(looking, func() plan {
		r := rules()
		g := r.grants()
		return plan{r, g, g.places()}
	})
	if !ok {
		return version, errHangs
	}
	if err := restrict(p.Rules, p.grants); err != nil {
		return version, err
	}
	allowed.Store(&p.places)
	return version, nil
}

// grants returns the paths for the rules.
func (r Rules) grants() grants {
	g := grants{read: existing(slices.Concat(fixed, certificates())), write: existing(r.Write)}
	for _, path := range named(r.Read) {
		disk.Walk(disk.OS, path, func(s disk.Step) bool {
			if s.Info == nil || s.IsLink() || s.Last {
				g.read = append(g.read, around(s)...)
			}
			return true
		})
	}
	slices.Sort(g.read)
	g.read = slices.Compact(g.read)
	return g
}

// places returns what the paths lead to now.
func (g grants) places() (all []place) {
	for _, path := range slices.Concat(g.read, g.write) {
		if info, err := os.Lstat(path); err == nil {
			all = append(all, place{path, info})
		}
	}
	return all
}

// existing returns those of the paths where something is, without symbolic links.
func existing(paths []string) (ends []string) {
	for _, path := range named(paths) {
		if end, err := filepath.EvalSymlinks(path); err == nil {
			ends = append(ends, end)
		}
	}
	return ends
}

// named leaves out empty paths, which name nothing; package filepath takes them for the working directory, which is / under systemd.
func named(paths []string) []string {
	return slices.DeleteFunc(slices.Clone(paths), func(path string) bool { return path == "" })
}

// around returns what is allowed for an entry.
func around(s disk.Step) []string {
	switch {
	case !slices.Contains(system, s.Dir):
		return []string{s.Dir}
	case s.Info != nil && !s.IsLink() && (s.Info.IsDir() || s.Info.Mode().IsRegular()):
		return []string{s.Path()}
	}
	return nil
}

// DeniedError reports a path that this process may not read until it is started again.
type DeniedError struct{ Path string }

func (e *DeniedError) Error() string {
	return fmt.Sprintf("since its start announcer may read only what was configured then (Landlock), and not %s; want it restarted", e.Path)
}

// CheckRead returns a *[DeniedError] if this process is confined and may not read a path, or what will be there.
func CheckRead(path string) error {
	places := allowed.Load()
	if places == nil {
		return nil
	}
	if covered, ok := within.Do(looking, func() bool { return covers(*places, path) }); ok && !covered {
		return &DeniedError{path}
	}
	return nil
}

// covers reports whether a path, or the first entry of it that is missing, is one of the places or below one.
func covers(places []place, path string) bool {
	covered := false
	disk.Walk(disk.OS, path, func(s disk.Step) bool {
		covered = slices.ContainsFunc(places, func(p place) bool { return isBelow(s.Path(), p.path) && p.isThere() })
		return true
	})
	return covered
}

// isThere reports whether the path still leads to what was allowed.
func (p place) isThere() bool {
	info, err := os.Lstat(p.path)
	return err == nil && os.SameFile(info, p.is)
}

// isBelow reports whether a path is another one, or below it.
func isBelow(path, other string) bool {
	return path == other || strings.HasPrefix(path, strings.TrimSuffix(other, "/")+"/")
}

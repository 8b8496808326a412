//go:build unix

package validate

import (
	"io/fs"
	"os/user"
	"slices"
	"strconv"
	"syscall"
)

// reader is a user with groups.
type reader struct {
	isRoot bool
	uid    string // "": one that owns nothing
	gids   []string
}

// reader returns the user of the unit.
func (u Unit) reader() reader {
	r := reader{isRoot: u.name() == "root"}
	if known, err := user.Lookup(u.name()); err == nil {
		r.uid, r.gids = known.Uid, []string{known.Gid}
	}
	for _, name := range u.groups() {
		gid := name
		if known, err := user.LookupGroup(name); err == nil {
			gid = known.Gid
		}
		r.gids = append(r.gids, gid)
	}
	return r
}

// may reports whether the user has rights, as in the last digit of a mode.
func (r reader) may(info fs.FileInfo, rights fs.FileMode) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || r.isRoot {
		return true
	}
	mode := info.Mode().Perm()
	switch {
	case strconv.Itoa(int(stat.Uid)) == r.uid:
		mode >>= 6
	case slices.Contains(r.gids, strconv.Itoa(int(stat.Gid))):
		mode >>= 3
	}
	return mode&rights == rights
}

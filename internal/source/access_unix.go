//go:build unix

package source

import (
	"cmp"
	"fmt"
	"io/fs"
	"strconv"
	"syscall"

	"announcer/internal/sysdb"
)

// Access returns mode, owner and group of a file, such as "-rw-r----- root:root".
func Access(info fs.FileInfo) string {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return info.Mode().String()
	}
	owner, group := strconv.Itoa(int(stat.Uid)), strconv.Itoa(int(stat.Gid))
	return fmt.Sprintf("%s %s:%s", info.Mode(), cmp.Or(sysdb.User(owner), owner), cmp.Or(sysdb.Group(group), group))
}

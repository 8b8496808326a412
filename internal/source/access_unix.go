//go:build unix

package source

import (
	"fmt"
	"io/fs"
	"os/user"
	"strconv"
	"syscall"
)

// Access returns mode, owner and group of a file, such as "-rw-r----- root:root".
func Access(info fs.FileInfo) string {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return info.Mode().String()
	}
	owner, group := strconv.Itoa(int(stat.Uid)), strconv.Itoa(int(stat.Gid))
	if u, err := user.LookupId(owner); err == nil {
		owner = u.Username
	}
	if g, err := user.LookupGroupId(group); err == nil {
		group = g.Name
	}
	return fmt.Sprintf("%s %s:%s", info.Mode(), owner, group)
}

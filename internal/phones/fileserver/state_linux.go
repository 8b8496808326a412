package fileserver

import (
	"io/fs"
	"syscall"
)

// state is what is different after a file was written to, or another has taken its place. The time of the last change of
// the inode is set by the kernel alone, while the time of modification can be set to any value.
type state struct {
	size              int64
	modified, changed int64 // nanoseconds
	device, inode     uint64
}

func stateOf(info fs.FileInfo) state {
	s := state{size: info.Size(), modified: info.ModTime().UnixNano()}
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		s.changed, s.device, s.inode = sys.Ctim.Nano(), uint64(sys.Dev), sys.Ino
	}
	return s
}

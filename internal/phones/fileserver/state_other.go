//go:build !linux

package fileserver

import "io/fs"

// state is what is different after a file was written to, unless that is hidden.
type state struct {
	size     int64
	modified int64 // nanoseconds
}

func stateOf(info fs.FileInfo) state { return state{info.Size(), info.ModTime().UnixNano()} }

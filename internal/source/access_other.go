//go:build !unix

package source

import "io/fs"

// Access returns the mode of a file, such as "-rw-r-----".
func Access(info fs.FileInfo) string { return info.Mode().String() }

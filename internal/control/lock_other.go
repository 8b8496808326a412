//go:build !unix

package control

import "os"

// takeLock opens the file at path: this system has no daemon that another one could be in the way of.
func takeLock(path string) (*lock, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	return &lock{file, path}, nil
}

//go:build !linux

package disk

import (
	"errors"
	"io"
	"io/fs"
	"os"
)

func (host) Inode(path string) (Inode, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Inode{}, err
	}
	return Inode{Mode: uint32(info.Mode()), Size: info.Size(), Modified: info.ModTime().UnixNano()}, nil
}

func (f host) TryRead(path string, inode Inode) error {
	mode := fs.FileMode(inode.Mode)
	if !mode.IsRegular() && !mode.IsDir() {
		return nil
	}
	opened, err := f.Open(path)
	if err != nil {
		return err
	}
	defer opened.Close()
	if mode.IsDir() {
		return nil
	}
	if _, err := opened.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

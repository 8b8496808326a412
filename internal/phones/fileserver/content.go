package fileserver

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"announcer/internal/phones"
	"announcer/internal/within"
)

// openTime is the time in which a file is opened and, if it may have changed, read.
const openTime = 10 * time.Second

var (
	errChanged = errors.New("it has changed since it was announced")
	errHangs   = errors.New("its file system does not answer")
)

// content is what a file held when it was announced.
type content struct {
	File
	turn  chan struct{} // holds a value while a goroutine checks the file
	known state         // the last state in which it held that; used with the turn
	wrong state         // the last state in which it held something else
}

// opened is a file that held what was announced when it was opened.
type opened struct {
	*os.File
	content *content
	state   state
}

// open opens the file, if it holds what was announced. It ends even if the file system hangs.
func (c *content) open(root *os.Root) (*opened, error) {
	select {
	case c.turn <- struct{}{}:
	case <-time.After(openTime):
		return nil, errHangs
	}
	type result struct {
		file *opened
		err  error
	}
	r, ok := within.Do(openTime, func() result {
		defer func() { <-c.turn }()
		file, err := c.checked(root)
		return result{file, err}
	})
	if !ok {
		return nil, errHangs
	}
	return r.file, r.err
}

func (c *content) checked(root *os.Root) (*opened, error) {
	file, info, err := phones.OpenRegular(root, filepath.FromSlash(c.Path))
	if err != nil {
		return nil, err
	}
	now := stateOf(info)
	if err := c.check(file, now); err != nil {
		file.Close()
		return nil, err
	}
	return &opened{file, c, now}, nil
}

// check reports an error if the file holds something else than what was announced. It reads the file only in a new state.
func (c *content) check(file *os.File, now state) error {
	switch now {
	case c.known:
		return nil
	case c.wrong:
		return errChanged
	}
	hash, err := hashOf(file, now)
	switch {
	case err != nil:
		return err
	case hash != c.SHA256:
		c.wrong = now
		return errChanged
	}
	c.known = now
	return nil
}

// unwritten reports an error if the file was written to since it was opened.
func (o *opened) unwritten() error {
	info, err := o.Stat()
	if err != nil {
		return err
	}
	if now := stateOf(info); now.size != o.state.size || now.modified != o.state.modified {
		return errChanged
	}
	return nil
}

// holds reports whether the file still holds what was announced. It ends even if the file system hangs.
func (o *opened) holds() bool {
	same, ok := within.Do(openTime, func() bool {
		info, err := o.Stat()
		if err != nil {
			return false
		}
		now := stateOf(info)
		if now == o.state {
			return true
		}
		hash, err := hashOf(o.File, now)
		return err == nil && hash == o.content.SHA256
	})
	return ok && same
}

// hashOf returns the SHA-256 of a file in hexadecimal, if the file has the same state before and after.
func hashOf(file *os.File, before state) (string, error) {
	hash := sha256.New()
	if _, err := io.Copy(hash, io.NewSectionReader(file, 0, before.size)); err != nil {
		return "", err
	}
	info, err := file.Stat()
	if err != nil {
		return "", err
	}
	if stateOf(info) != before {
		return "", errors.New("it changes while it is read")
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// newContent reads a file of a release.
func newContent(root *os.Root, image phones.Image) (*content, error) {
	file, info, err := phones.OpenRegular(root, filepath.FromSlash(image.Path))
	if err != nil {
		return nil, fmt.Errorf("firmware can't be read: %s: %w", image.Path, err)
	}
	defer file.Close()
	now := stateOf(info)
	hash, err := hashOf(file, now)
	if err != nil {
		return nil, fmt.Errorf("firmware can't be read: %s: %w", image.Path, err)
	}
	if now.size != image.Size {
		return nil, fmt.Errorf("%s changes while it is read; want it complete first", image.Path)
	}
	return &content{File: File{image, hash, info.ModTime()}, turn: make(chan struct{}, 1), known: now}, nil
}

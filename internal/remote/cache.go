package remote

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// maxCache is the most bytes of a file in the cache.
const maxCache = 64 << 20

// Cache keeps on disk what servers said last, in a file for each place. The zero value keeps nothing.
type Cache struct {
	Dir string
}

// path returns the file for a place. The place itself may hold a secret.
func (c Cache) path(place string) string {
	sum := sha256.Sum256([]byte(place))
	return filepath.Join(c.Dir, fmt.Sprintf("definitions-%x", sum[:12]))
}

// Load returns what was saved for a place. ok is false if nothing was; a file that is damaged is an error.
func (c Cache) Load(place string) (set Set, ok bool, err error) {
	if c.Dir == "" {
		return Set{}, false, nil
	}
	path := c.path(place)
	data, err := readFile(path, maxCache)
	if errors.Is(err, fs.ErrNotExist) {
		return Set{}, false, nil
	}
	if err == nil {
		set, err = decode(data)
	}
	if err != nil {
		return Set{}, false, fmt.Errorf("the cache %s is ignored: %w", path, err)
	}
	return set, true, nil
}

// Save replaces what is saved for a place. The set is on the disk when it returns: after a crash there is either the old
// or the new one.
func (c Cache) Save(place string, set Set) error {
	if c.Dir == "" {
		return nil
	}
	data, err := encode(set)
	if err == nil && len(data) > maxCache {
		err = fmt.Errorf("it has more than %d bytes", maxCache)
	}
	if err == nil {
		err = c.write(c.path(place), data)
	}
	if err != nil {
		return fmt.Errorf("it is not kept in %s, so that a restart without the server lacks it: %w", c.Dir, cause(err))
	}
	return nil
}

// write replaces a file by way of a temporary one, of a fixed name so that crashes do not pile up files.
func (c Cache) write(path string, data []byte) error {
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return err
	}
	tmp := path + ".new"
	if err := writeSynced(tmp, data); err != nil {
		os.Remove(tmp)
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	dir, err := os.Open(c.Dir)
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

// writeSynced writes a file, and returns when it is on the disk.
func writeSynced(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return cmp.Or(err, f.Close())
}

// readFile reads a regular file of at most so many bytes. A FIFO or device is refused without being waited for.
func readFile(path string, most int64) ([]byte, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, cause(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	switch {
	case err != nil:
		return nil, cause(err)
	case int64(len(data)) > most:
		return nil, fmt.Errorf("it has more than %d bytes", most)
	}
	return data, nil
}

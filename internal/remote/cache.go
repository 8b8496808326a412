package remote

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"announcer/internal/disk"
)

// maxCache is the most bytes of a file in the cache.
const maxCache = 64 << 20

// Cache keeps on disk what servers said last, in a file for each place. The zero value keeps nothing.
type Cache struct {
	Dir string
	FS  disk.FS // nil: [disk.OS]
}

func (c Cache) fsys() disk.FS { return cmp.Or(c.FS, disk.OS) }

// path returns the file for a place. The place itself may hold a secret.
func (c Cache) path(place string) string {
	sum := sha256.Sum256([]byte(place))
	return filepath.Join(c.Dir, fmt.Sprintf("%s%x", prefix, sum[:12]))
}

// Load returns what was saved for a place. ok is false if nothing was; a file that is damaged is an error.
func (c Cache) Load(place string) (set Set, ok bool, err error) {
	if c.Dir == "" {
		return Set{}, false, nil
	}
	path := c.path(place)
	data, _, err := disk.ReadRegular(c.fsys(), path, maxCache)
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

// prefix is the beginning of the names of all files in the cache.
const prefix = "definitions-"

// stale is how old a file of a place that is no longer named must be before it is removed: the place may be named again, and
// another process may share the cache.
const stale = 366 * 24 * time.Hour

// Prune removes the files of places other than those that are named, if they have not been written for a year.
func (c Cache) Prune(places []string, now time.Time) {
	if c.Dir == "" {
		return
	}
	named := map[string]bool{}
	for _, place := range places {
		named[c.path(place)] = true
	}
	entries, _ := c.fsys().ReadDir(c.Dir) // without it there is nothing to remove
	for _, e := range entries {
		path := filepath.Join(c.Dir, e.Name())
		if info, err := e.Info(); err == nil && strings.HasPrefix(e.Name(), prefix) && !named[path] && now.Sub(info.ModTime()) > stale {
			_ = c.fsys().Remove(path) // it is tried again at the next start
		}
	}
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
		err = c.fsys().MkdirAll(c.Dir, 0o700)
	}
	if err == nil {
		err = disk.Replace(c.fsys(), c.path(place), data, disk.Replacement{Synced: true})
	}
	if err != nil {
		return fmt.Errorf("it is not kept in %s, so that a restart without the server lacks it: %w", c.Dir, disk.Cause(err))
	}
	return nil
}

package disk

import (
	"cmp"
	"path/filepath"
	"time"
)

// temporary is what the name of a file ends in until it is whole. It is fixed, so that crashes do not pile up files.
const temporary = ".new"

// Replacement is how a file is replaced.
type Replacement struct {
	Modified time.Time // zero: now
	Synced   bool      // it is on the disk when [Replace] returns, so that a power failure does not take it back
}

// Replace writes a file for the owner alone that is whole at every moment: after a crash there is either the old or the new one.
func Replace(fsys FS, path string, data []byte, r Replacement) error {
	whole := path + temporary
	err := write(fsys, whole, data, r.Synced)
	if err == nil && !r.Modified.IsZero() {
		err = fsys.Chtimes(whole, r.Modified)
	}
	if err == nil {
		err = fsys.Rename(whole, path)
	}
	if err != nil {
		fsys.Remove(whole)
		return err
	}
	if r.Synced {
		return fsys.SyncDir(filepath.Dir(path))
	}
	return nil
}

// write writes a file. If synced is set, it is on the disk when write returns.
func write(fsys FS, path string, data []byte, synced bool) error {
	f, err := fsys.Create(path, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil && synced {
		err = f.Sync()
	}
	return cmp.Or(err, f.Close())
}

// Append writes at the end of a file that exists, and sets when it was modified. What a crash or an error leaves of the data
// is a beginning of it.
func Append(fsys FS, path string, data []byte, modified time.Time) error {
	f, err := fsys.Append(path)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = cmp.Or(err, f.Close()); err != nil {
		return err
	}
	return fsys.Chtimes(path, modified)
}

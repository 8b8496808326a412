package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// KindError is the error of something that is no regular file, such as a directory or a FIFO.
type KindError struct{ Mode fs.FileMode }

func (e *KindError) Error() string { return fmt.Sprintf("it is %s; want a regular file", e.kind()) }

func (e *KindError) kind() string {
	switch {
	case e.Mode.IsDir():
		return "a directory"
	case e.Mode&fs.ModeNamedPipe != 0:
		return "a FIFO"
	case e.Mode&fs.ModeSocket != 0:
		return "a socket"
	default:
		return "a device"
	}
}

// OpenRegular opens a regular file for reading. Anything else is a [KindError], neither opened nor waited for.
func OpenRegular(fsys FS, path string) (File, fs.FileInfo, error) {
	return Regular(path, fsys.Stat, fsys.Open)
}

// Regular is [OpenRegular] with other functions that look at a file and open it. The one that opens must not wait for the writer
// of a FIFO.
func Regular[F interface {
	io.Closer
	Stat() (fs.FileInfo, error)
}](path string, stat func(path string) (fs.FileInfo, error), open func(path string) (F, error)) (F, fs.FileInfo, error) {
	var none F
	// Opening a device has effects. Another file can take the place of this one after the look at it.
	if info, err := stat(path); err == nil && !info.Mode().IsRegular() {
		return none, nil, &KindError{info.Mode()}
	}
	f, err := open(path)
	if err != nil {
		return none, nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &KindError{info.Mode()}
	}
	if err != nil {
		f.Close()
		return none, nil, err
	}
	return f, info, nil
}

// ReadRegular reads a regular file of at most so many bytes, and returns what it was before.
func ReadRegular(fsys FS, path string, most int64) ([]byte, fs.FileInfo, error) {
	f, info, err := OpenRegular(fsys, path)
	if err != nil {
		return nil, nil, Explained(fsys, path, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	switch {
	case err != nil:
		return nil, nil, Cause(err)
	case int64(len(data)) > most:
		return nil, nil, fmt.Errorf("it has more than %d bytes", most)
	}
	return data, info, nil
}

// Cause strips operation and path from an error, for messages that have the path anyway.
func Cause(err error) error {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		return pathErr.Err
	}
	return err
}

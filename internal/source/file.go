package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// MaxFile is the most bytes that a definition may have.
const MaxFile = 1 << 20

// readTime is how long a file that can be waited for may take to end.
const readTime = 5 * time.Second

// ReadFile reads a regular file of 1 to [MaxFile] bytes. Anything else (a FIFO, a device, a directory) is refused
// without being waited for.
func ReadFile(path string) ([]byte, error) { return readFile(path, new(bytes.Buffer)) }

// readFile is [ReadFile] into a buffer, whose memory is used again.
func readFile(path string, buf *bytes.Buffer) ([]byte, error) {
	// Opening a device has effects, and a FIFO blocks until a program writes. One that takes the file's place after the look
	// at it is opened non-blocking.
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, errKind(info.Mode())
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("it can't be opened: %w", cause(err))
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("it can't be read: %w", cause(err))
	}
	if !info.Mode().IsRegular() {
		return nil, errKind(info.Mode())
	}
	data, err := readInTime(f, buf, readTime)
	if err == nil && len(data) == 0 {
		return nil, errors.New("it is empty, as a full disk or a crash leaves a file; want a definition or a setting in it")
	}
	return data, err
}

// readInTime reads a file. Some that look regular, such as /proc/kmsg, have no end; a file on a disk takes no deadline.
func readInTime(f *os.File, buf *bytes.Buffer, most time.Duration) ([]byte, error) {
	if err := f.SetReadDeadline(time.Now().Add(most)); err != nil && !errors.Is(err, os.ErrNoDeadline) {
		return nil, fmt.Errorf("it can't be read: %w", cause(err))
	}
	data, err := readAll(f, buf)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, fmt.Errorf("it has not ended after %v; want a regular file", most)
	}
	return data, err
}

// ReadAll reads r to its end, at most [MaxFile] bytes.
func ReadAll(r io.Reader) ([]byte, error) { return readAll(r, new(bytes.Buffer)) }

func readAll(r io.Reader, buf *bytes.Buffer) ([]byte, error) {
	buf.Reset()
	_, err := buf.ReadFrom(io.LimitReader(r, MaxFile+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("it can't be read: %w", cause(err))
	case buf.Len() > MaxFile:
		return nil, fmt.Errorf("it has more than %d bytes; a definition has a few hundred", MaxFile)
	}
	return buf.Bytes(), nil
}

// cause strips the path from an error, since the path is reported anyway.
func cause(err error) error {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		return pathErr.Err
	}
	return err
}

func errKind(mode fs.FileMode) error { return fmt.Errorf("it is %s; want a regular file", kind(mode)) }

func kind(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a directory"
	case mode&fs.ModeNamedPipe != 0:
		return "a FIFO"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	default:
		return "a device"
	}
}

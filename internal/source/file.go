package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"announcer/internal/disk"
	"announcer/internal/sandbox"
	"announcer/internal/sysdb"
)

// MaxFile is the most bytes that a definition may have.
const MaxFile = 1 << 20

var errLong = fmt.Errorf("it has more than %d bytes; a definition has a few hundred", MaxFile)

// readTime is how long a file that can be waited for may take to end.
const readTime = 5 * time.Second

// ReadFile reads a regular file of 1 to [MaxFile] bytes. Anything else (a FIFO, a device, a directory) is refused
// without being waited for.
func ReadFile(path string) ([]byte, error) { return readFile(disk.OS, path, new(bytes.Buffer)) }

// readFile is [ReadFile] into a buffer, whose memory is used again.
func readFile(fsys disk.FS, path string, buf *bytes.Buffer) ([]byte, error) {
	f, _, err := disk.OpenRegular(fsys, path)
	if _, isKind := errors.AsType[*disk.KindError](err); isKind {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("it can't be opened: %w", explained(fsys, path, err))
	}
	defer f.Close()
	data, err := readInTime(f, buf, readTime)
	if err == nil && len(data) == 0 {
		return nil, errors.New("it is empty, as a full disk or a crash leaves a file; want a definition or a setting in it")
	}
	return data, err
}

// readInTime reads a file. Some that look regular, such as /proc/kmsg, have no end; a file on a disk takes no deadline.
func readInTime(f disk.File, buf *bytes.Buffer, most time.Duration) ([]byte, error) {
	if err := f.SetReadDeadline(time.Now().Add(most)); err != nil && !errors.Is(err, os.ErrNoDeadline) {
		return nil, fmt.Errorf("it can't be read: %w", disk.Cause(err))
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
		return nil, fmt.Errorf("it can't be read: %w", disk.Cause(err))
	case buf.Len() > MaxFile:
		return nil, errLong
	}
	return buf.Bytes(), nil
}

// explained returns the cause of an error with a path, which symbolic link leads nowhere, and for whom and by what permission is
// denied.
func explained(fsys disk.FS, path string, err error) error {
	if !errors.Is(err, fs.ErrPermission) {
		return disk.Explained(fsys, path, err)
	}
	return fmt.Errorf("%w for %s%s", disk.Cause(err), userName(), hint(fsys, path))
}

// userName returns the name and number of the user of this process.
func userName() string {
	id := strconv.Itoa(os.Geteuid())
	name := os.Getenv("USER") // of a dynamic user, which is in no file
	if known := sysdb.User(id); known != "" {
		name = known
	}
	return strings.TrimSpace("the user "+name) + " (uid " + id + ")"
}

// hint returns what denies access to a path, and what would allow it.
func hint(fsys disk.FS, path string) string {
	end, _ := newWays(fsys).walk(path)
	if err := sandbox.CheckRead(end); err != nil {
		return "; " + err.Error()
	}
	if home, ok := HomeOf(end); ok {
		return fmt.Sprintf("; it is below %s, which ProtectHome= of the unit hides from the daemon; want the file itself, not a link", home)
	}
	for dir := end; ; dir = filepath.Dir(dir) {
		if info, err := fsys.Stat(dir); err == nil {
			return fmt.Sprintf("; %s is %s; want it readable for this user: for all (chmod a+rX), or for the group that Group= of the unit sets (systemctl edit announcer)", dir, Access(info))
		}
		if dir == filepath.Dir(dir) {
			return ""
		}
	}
}

// homes are the directories that ProtectHome= hides.
var homes = []string{"/home", "/root", "/run/user"}

// HomeOf returns the directory of those that ProtectHome= hides in which a path is.
func HomeOf(path string) (home string, ok bool) {
	i := slices.IndexFunc(homes, func(home string) bool { return path == home || strings.HasPrefix(path, home+"/") })
	if i < 0 {
		return "", false
	}
	return homes[i], true
}

package source

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"announcer/internal/disk"
)

// Links returns the definition files in a directory that are symbolic links.
func Links(dir string) (links []string) {
	entries, _ := disk.OS.ReadDir(dir) // without it there are none
	for _, e := range entries {
		if e.Type()&fs.ModeSymlink != 0 && IsDefinition(e.Name()) {
			links = append(links, filepath.Join(dir, e.Name()))
		}
	}
	return links
}

// IsMask reports whether a file is a link to /dev/null, which lets no file of that name count. (An empty file is none: a
// full disk or an editor at work can leave one behind.)
func IsMask(path string) bool { return isMask(disk.OS, path) }

func isMask(fsys disk.FS, path string) bool {
	null, err := fsys.Stat(os.DevNull)
	if err != nil {
		return false
	}
	info, err := fsys.Stat(path)
	return err == nil && fsys.SameFile(info, null)
}

// IsDefinition reports whether a file in a directory is a definition file: its name ends in ".service" or ".toml" and
// does not start with a dot.
func IsDefinition(name string) bool {
	return (strings.HasSuffix(name, ".service") || strings.HasSuffix(name, ".toml")) && !strings.HasPrefix(name, ".")
}

// Expand returns the files that a path stands for: the path itself, or those in a directory whose names fit, in byte order.
func Expand(path string, fits func(name string) bool) ([]string, error) {
	return expand(disk.OS, path, fits)
}

func expand(fsys disk.FS, path string, fits func(name string) bool) ([]string, error) {
	info, err := fsys.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, missing(fsys, path, err)
	case err != nil:
		return nil, fmt.Errorf("it can't be read: %w", explained(fsys, path, err))
	case !info.IsDir():
		return []string{path}, nil
	}
	entries, err := fsys.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("the directory can't be read: %w", explained(fsys, path, err))
	}
	var files []string
	for _, e := range entries {
		if fits(e.Name()) {
			files = append(files, filepath.Join(path, e.Name()))
		}
	}
	return files, nil
}

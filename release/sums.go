package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// namespace is what signatures are for (ssh-keygen -n): one of another kind of file is none of a release.
const namespace = "announcer-release"

// published returns the names of all files of the release, in order.
func (r *release) published() ([]string, error) {
	entries, err := os.ReadDir(r.out)
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names, err
}

// writeSums writes the checksums of all files, as sha256sum prints them.
func (r *release) writeSums() error {
	names, err := r.published()
	if err != nil {
		return err
	}
	var text strings.Builder
	for _, name := range names {
		sum, err := sumOf(filepath.Join(r.out, name))
		if err != nil {
			return err
		}
		fmt.Fprintf(&text, "%s  %s\n", sum, name)
	}
	return os.WriteFile(filepath.Join(r.out, sumsFile), []byte(text.String()), readable)
}

// sign signs the checksums, and so all files.
func (r *release) sign() error {
	if r.key == "" {
		fmt.Fprintf(r.log, "release: %s is unsigned; want KEY=FILE with an SSH key\n", sumsFile)
		return nil
	}
	key, err := filepath.Abs(r.key)
	if err != nil {
		return err
	}
	_, err = r.run("ssh-keygen", "-q", "-Y", "sign", "-f", key, "-n", namespace, filepath.Join(r.out, sumsFile))
	return err
}

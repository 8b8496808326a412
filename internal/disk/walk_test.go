package disk

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"announcer/internal/testkit/skip"
)

func TestWalk(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	in := func(path string) string { return filepath.Join(dir, path) }
	for _, err := range []error{
		os.MkdirAll(in("a/b"), 0o755), os.MkdirAll(in("a/b/stop"), 0o755), os.WriteFile(in("a/b/file"), nil, 0o644), os.Symlink("../a/b", in("a/relative")),
		os.Symlink(in("a/b"), in("absolute")), os.Symlink("b/file", in("a/link")), os.Symlink("round", in("round")),
	} {
		if err != nil {
			skip.Now(t, "symbolic links can't be made: ", err)
		}
	}
	for _, test := range []struct {
		name, path string
		passed     string // links in brackets, what is missing with a question mark
		end        string
		ok         bool
	}{
		{"a file", "a/b/file", "a b file", "a/b/file", true},
		{"a link to a file", "a/link", "a [link] b file", "a/b/file", true},
		{"a relative link", "a/relative/file", "a [relative] a b file", "a/b/file", true},
		{"an absolute link", "absolute/file", "[absolute] a b file", "a/b/file", true},
		{"something missing", "a/c/file", "a c?", "a/c", false},
		{"stopped", "a/b/stop/file", "a b stop", "a/b/stop", false},
		{"a link in a circle", "round", strings.TrimSpace(strings.Repeat("[round] ", maxLinks+1)), "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			var passed []string
			end, err := Walk(OS, in(test.path), func(s Step) bool {
				if len(s.Path()) <= len(dir) {
					return true
				}
				word := s.Name
				switch {
				case s.Info == nil:
					word += "?"
				case s.IsLink():
					word = "[" + word + "]"
				}
				passed = append(passed, word)
				return s.Name != "stop"
			})
			if got := strings.Join(passed, " "); got != test.passed || end != in(test.end) || (err == nil) != test.ok {
				t.Errorf("passed %q to %q, %v; want %q to %q, %t", got, end, err, test.passed, in(test.end), test.ok)
			}
		})
	}
}

// TestExplained has paths lead nowhere, by a symbolic link or without one.
func TestExplained(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	in := func(path string) string { return filepath.Join(dir, path) }
	for _, err := range []error{
		os.Mkdir(in("sub"), 0o755), os.Symlink("nowhere", in("relative")), os.Symlink("/nowhere/file", in("absolute")), os.Symlink("/nowhere", in("top")),
		os.Symlink("relative", in("chain")), os.Symlink("sub", in("good")), os.Symlink("../gone", in("sub/b")),
	} {
		if err != nil {
			skip.Now(t, "symbolic links can't be made: ", err)
		}
	}
	for _, test := range []struct{ name, path, want string }{
		{"a relative link", "relative", `it is a symbolic link to "nowhere", and "DIR/nowhere" does not exist`},
		{"an absolute link", "top", `it is a symbolic link to "/nowhere", which does not exist`},
		{"a link into a directory that is missing", "absolute", `it is a symbolic link to "/nowhere/file", and "/nowhere" does not exist`},
		{"a link to a link", "chain", `it is a symbolic link to "relative", and "DIR/nowhere" does not exist`},
		{"a directory that is a link", "relative/file", `"DIR/relative" is a symbolic link to "nowhere", and "DIR/nowhere" does not exist`},
		{"a link in a directory that is a link", "good/b", `it is a symbolic link to "../gone", and "DIR/gone" does not exist`},
		{"a directory that is a good link", "good/file", "no such file or directory"},
		{"no link", "file", "no such file or directory"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, failed := OS.Stat(in(test.path))
			err := Explained(OS, in(test.path), failed)
			if want := strings.ReplaceAll(test.want, "DIR", dir); err.Error() != want || !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("got %q; want %q", err, want)
			}
			if _, _, err := ReadRegular(OS, in(test.path), 1); err.Error() != strings.ReplaceAll(test.want, "DIR", dir) {
				t.Errorf("ReadRegular: %q; want %q", err, test.want)
			}
		})
	}
}

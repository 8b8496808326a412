// Command licences prints the licences of everything that is linked into a program: of Go and of every module. It
// fails if a module has none. The program is one for Linux, or for the system that is given.
//
//	licences ./cmd/announcer
//	licences ./cmd/announcer windows
package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"runtime"
	"slices"
	"strings"
)

func main() {
	if len(os.Args) != 2 && len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: licences PACKAGE [SYSTEM]")
		os.Exit(2)
	}
	system := "linux"
	if len(os.Args) == 3 {
		system = os.Args[2]
	}
	if err := run(os.Args[1], system, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "licences:", err)
		os.Exit(1)
	}
}

// module is a module in the output of "go list".
type module struct {
	Path    string
	Version string
	Dir     string
	Main    bool
}

func run(program, system string, out io.Writer) error {
	modules, err := linked(program, system)
	if err != nil {
		return err
	}
	for _, m := range modules {
		if err := printLicences(out, m, os.DirFS(m.Dir)); err != nil {
			return err
		}
	}
	return nil
}

// linked returns Go and the third-party modules that are linked into a program for a system, by path.
func linked(program, system string) ([]module, error) {
	root, err := goList(system, "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	list, err := goList(system, "list", "-deps", "-json=Module", program)
	if err != nil {
		return nil, err
	}
	modules := []module{{Path: "Go", Version: runtime.Version(), Dir: strings.TrimSpace(string(root))}}
	for decoder := json.NewDecoder(bytes.NewReader(list)); ; {
		var pkg struct{ Module *module }
		if err := decoder.Decode(&pkg); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("the output of go list can't be read: %w", err)
		}
		if m := pkg.Module; m != nil && !m.Main && !slices.Contains(modules, *m) {
			modules = append(modules, *m)
		}
	}
	slices.SortFunc(modules[1:], func(a, b module) int { return cmp.Compare(a.Path, b.Path) })
	return modules, nil
}

func goList(system string, args ...string) ([]byte, error) {
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), "GOOS="+system, "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go %s: %w", strings.Join(args, " "), err)
	}
	return out, nil
}

// printLicences copies every licence in the directory of a module.
func printLicences(out io.Writer, m module, dir fs.FS) error {
	files, err := fs.ReadDir(dir, ".")
	if err != nil {
		return fmt.Errorf("%s %s: %w (\"go mod download\" fetches it)", m.Path, m.Version, err)
	}
	found := false
	for _, file := range files {
		if file.IsDir() || !isLicence(file.Name()) {
			continue
		}
		text, err := fs.ReadFile(dir, file.Name())
		if err != nil {
			return fmt.Errorf("%s %s: %w", m.Path, m.Version, err)
		}
		line := strings.Repeat("=", 79)
		fmt.Fprintf(out, "%s\n%s %s: %s\n%s\n\n%s\n\n", line, m.Path, m.Version, file.Name(), line, bytes.TrimSpace(text))
		found = true
	}
	if !found {
		return fmt.Errorf("%s %s has no licence: want a file LICENSE, COPYING, COPYRIGHT, NOTICE or PATENTS", m.Path, m.Version)
	}
	return nil
}

// isLicence reports whether a file of that name has a licence, or what a licence wants to be passed on with it.
func isLicence(name string) bool {
	stem := strings.ToUpper(strings.TrimSuffix(name, path.Ext(name)))
	stem, _, _ = strings.Cut(stem, "-")
	return slices.Contains([]string{"LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE", "PATENTS"}, stem)
}

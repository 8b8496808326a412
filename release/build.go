package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// platform is a system with an architecture.
type platform struct{ system, arch string }

func (p platform) String() string { return p.system + "-" + p.arch }

// env returns the variables of the environment that select it.
func (p platform) env() []string { return []string{"GOOS=" + p.system, "GOARCH=" + p.arch, "GOARM=7"} }

// program returns the name of the program.
func (p platform) program() string {
	if p.system == "windows" {
		return "announcer.exe"
	}
	return "announcer"
}

// documents is the directory of what is in every archive, in the stage.
const documents = "documents"

// makeDocuments makes what is the same on all platforms: manual pages and completions.
func (r *release) makeDocuments() error {
	dir := filepath.Join(r.stage, documents)
	host := filepath.Join(r.stage, "announcer")
	if err := errors.Join(os.MkdirAll(filepath.Join(dir, "man"), directory), os.MkdirAll(filepath.Join(dir, "completions"), directory)); err != nil {
		return err
	}
	if _, err := r.run("go", "build", "-buildvcs=true", "-trimpath", "-o", host, "./cmd/announcer"); err != nil {
		return err
	}
	outputs := map[string][]string{"man/announcer.1": {host, "man"}}
	for _, shell := range []string{"bash", "zsh", "fish"} {
		outputs["completions/announcer."+shell] = []string{host, "completion", shell}
	}
	pages, err := filepath.Glob(filepath.Join(r.root, "docs/man/*.md"))
	if err != nil {
		return err
	}
	for _, page := range pages {
		name := strings.TrimSuffix(filepath.Base(page), ".md")
		outputs["man/"+name] = []string{"go", "run", "./packaging/manual", r.time.Format("2006-01-02"), "docs/man/" + name + ".md"}
	}
	for path, command := range outputs {
		text, err := r.run(command[0], command[1:]...)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, path), []byte(text+"\n"), readable); err != nil {
			return err
		}
	}
	return nil
}

// makePlatform makes the archive of a platform, and the list of what is in its program.
func (r *release) makePlatform(name string) error {
	system, arch, ok := strings.Cut(name, "-")
	if !ok {
		return errors.New("it is no platform; want one such as linux-amd64")
	}
	p := platform{system, arch}
	program := filepath.Join(r.stage, name, p.program())
	build := r.command("go", "build", "-buildvcs=true", "-trimpath", "-ldflags", "-s -w", "-o", program, "./cmd/announcer")
	if _, err := build(p.env()...); err != nil {
		return err
	}
	licences, err := r.run("go", "run", "./packaging/licences", "./cmd/announcer", system)
	if err != nil {
		return err
	}
	base := "announcer_" + r.version + "_" + system + "_" + arch
	files, err := r.files(base, program, licences)
	if err != nil {
		return err
	}
	var archive bytes.Buffer
	extension := ".tar.gz"
	if system == "windows" {
		extension = ".zip"
		err = writeZip(&archive, files, r.time)
	} else {
		err = writeTar(&archive, files, r.time)
	}
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(r.out, base+extension), archive.Bytes(), readable); err != nil {
		return err
	}
	return r.writeBOM(base, program, filepath.Join(r.out, base+extension))
}

// files returns what is in an archive, below a directory with its name.
func (r *release) files(base, program, licences string) ([]file, error) {
	all := []file{{name: base + "/third-party-licences", mode: readable, data: []byte(licences + "\n")}}
	add := func(name, path string, mode fs.FileMode) error {
		data, err := os.ReadFile(path)
		all = append(all, file{base + "/" + name, mode, data})
		return err
	}
	errs := []error{add(filepath.Base(program), program, executable)}
	for _, name := range []string{"README.md", "LICENSE", "CHANGELOG.md", "SECURITY.md"} {
		errs = append(errs, add(name, filepath.Join(r.root, name), readable))
	}
	for name, dir := range map[string]string{"": filepath.Join(r.stage, documents), "examples/": filepath.Join(r.root, "examples")} {
		errs = append(errs, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || strings.HasSuffix(path, "_test.go") {
				return err
			}
			below, err := filepath.Rel(dir, path)
			return errors.Join(err, add(name+filepath.ToSlash(below), path, readable))
		}))
	}
	return all, errors.Join(errs...)
}

// makePackages makes the packages of all architectures of Linux, and the lists of what is in them.
func (r *release) makePackages() error {
	for _, name := range r.platforms {
		system, arch, _ := strings.Cut(name, "-")
		if system != "linux" {
			continue
		}
		dir := filepath.Join(r.stage, "packages-"+arch)
		packaged := arch
		if arch == "arm" {
			packaged = "arm7"
		}
		if _, err := r.run("packaging/build", dir, packaged); err != nil {
			return err
		}
		made, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, entry := range made {
			path := filepath.Join(r.out, entry.Name())
			if err := os.Rename(filepath.Join(dir, entry.Name()), path); err != nil {
				return err
			}
			if err := r.writeBOM(entry.Name(), filepath.Join(r.stage, name, "announcer"), path); err != nil {
				return err
			}
		}
	}
	return nil
}

package validate

import (
	"bytes"
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"announcer/internal/diag"
	"announcer/internal/source"
)

// unitName is the unit that runs the daemon.
const unitName = "announcer.service"

// unitDirectories are where systemd looks for units, the one that counts first.
var unitDirectories = []string{"/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"}

// Unit holds what the settings of the unit, with its drop-ins, say about which files the daemon can read.
type Unit struct {
	user      string // "": root, or the dynamic user
	isDynamic bool
	group     string
	others    []string // groups, too
	hidesHome bool
}

// ReadUnit reads the installed unit below a root directory, which is "/" except in tests. ok is false if there is none.
func ReadUnit(root string) (u Unit, ok bool) {
	dropIns := map[string]string{} // paths by name
	main := ""
	for _, dir := range unitDirectories {
		path := filepath.Join(root, dir, unitName)
		if info, err := os.Stat(path); main == "" && err == nil && info.Mode().IsRegular() {
			main = path
		}
		found, _ := filepath.Glob(path + ".d/*.conf")
		for _, file := range found {
			dropIns[filepath.Base(file)] = cmp.Or(dropIns[filepath.Base(file)], file)
		}
	}
	if main == "" {
		return Unit{}, false
	}
	u.read(main)
	for _, name := range slices.Sorted(maps.Keys(dropIns)) {
		u.read(dropIns[name])
	}
	return u, true
}

// read adds the settings of a file. One that can't be read sets nothing.
func (u *Unit) read(file string) {
	data, err := source.ReadFile(file)
	if err != nil {
		return
	}
	for line := range bytes.Lines(data) {
		key, value, _ := strings.Cut(strings.TrimSpace(string(line)), "=")
		u.set(strings.TrimSpace(key), strings.TrimSpace(value))
	}
}

func (u *Unit) set(key, value string) {
	switch key {
	case "User":
		u.user = value
	case "DynamicUser":
		u.isDynamic = isTrue(value)
	case "Group":
		u.group = value
	case "SupplementaryGroups": // an empty value takes back those before it
		u.others = append(u.others, strings.Fields(value)...)
		if value == "" {
			u.others = nil
		}
	case "ProtectHome":
		u.hidesHome = isTrue(value) || value == "tmpfs"
	}
}

// name returns the name of the user: that of a dynamic one is the unit's.
func (u Unit) name() string {
	if u.user == "" && u.isDynamic {
		return strings.TrimSuffix(unitName, ".service")
	}
	return cmp.Or(u.user, "root")
}

func (u Unit) groups() []string {
	if u.group == "" {
		return u.others
	}
	return append([]string{u.group}, u.others...)
}

// isTrue reads a boolean of systemd.
func isTrue(value string) bool {
	return slices.Contains([]string{"1", "yes", "y", "true", "t", "on"}, strings.ToLower(value))
}

// Unreadable returns a warning for each of the paths, and for each definition file in those that are directories, that
// the daemon of the unit can't read. It goes by the mode of files; a list of access rights (ACL) is not read.
func (u Unit) Unreadable(paths []string) diag.Findings {
	reader := u.reader()
	var findings diag.Findings
	for _, path := range paths {
		files, _ := source.Expand(path, source.IsDefinition)
		for _, file := range slices.Compact(append([]string{path}, files...)) {
			if why := u.denied(file, reader); why != "" {
				findings = append(findings, diag.Finding{File: file, Severity: diag.Warning, Code: "unit/unreadable", Text: "the daemon can't read it: " + why})
			}
		}
	}
	return findings
}

// denied returns why the daemon can't read a file or list a directory, "" if it can or the path does not exist.
func (u Unit) denied(path string, r reader) string {
	end, err := filepath.EvalSymlinks(path)
	if err != nil {
		return ""
	}
	if home, ok := source.HomeOf(end); ok && u.hidesHome {
		return fmt.Sprintf("it is %s, and ProtectHome= of the unit hides %s; want the file itself, not a link", end, home)
	}
	for _, dir := range parents(end) {
		if info, err := os.Stat(dir); err == nil && !r.may(info, 0o1) {
			return u.advice(dir, info)
		}
	}
	info, err := os.Stat(end)
	if err == nil && info.IsDir() && !r.may(info, 0o5) || err == nil && !r.may(info, 0o4) {
		return u.advice(end, info)
	}
	return ""
}

func (u Unit) advice(path string, info fs.FileInfo) string {
	name := u.name()
	if groups := u.groups(); len(groups) > 0 {
		name += " with the group " + strings.Join(groups, ", ")
	}
	return fmt.Sprintf("the unit runs it as the user %s, and %s is %s; want it readable for all (chmod a+rX), or for the group that Group= of the unit sets (systemctl edit announcer)",
		name, path, source.Access(info))
}

// parents returns the directories that lead to an absolute path.
func parents(path string) (dirs []string) {
	for dir := filepath.Dir(path); dir != "." && dir != path; path, dir = dir, filepath.Dir(dir) {
		dirs = append(dirs, dir)
	}
	slices.Reverse(dirs)
	return dirs
}

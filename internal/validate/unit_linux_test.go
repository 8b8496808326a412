package validate

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestUnit checks which settings of the installed unit count, and in which order.
func TestUnit(t *testing.T) {
	for _, test := range []struct {
		name   string
		files  map[string]string
		user   string
		groups string
		home   bool
	}{
		{"the unit of the package", map[string]string{"usr/lib/systemd/system/announcer.service": ""}, "announcer", "", true},
		{"a drop-in with a group", map[string]string{
			"usr/lib/systemd/system/announcer.service":               "",
			"etc/systemd/system/announcer.service.d/override.conf":   "[Service]\nGroup = phones\nSupplementaryGroups=a b\nProtectHome=no\n",
			"usr/lib/systemd/system/announcer.service.d/zz.conf":     "[Service]\nSupplementaryGroups=c\n",
			"usr/lib/systemd/system/announcer.service.d/README.text": "[Service]\nGroup=x\n",
		}, "announcer", "phones a b c", false},
		{"a drop-in that takes one of the same name away", map[string]string{
			"usr/lib/systemd/system/announcer.service":             "",
			"etc/systemd/system/announcer.service.d/override.conf": "[Service]\nSupplementaryGroups=a\nSupplementaryGroups=\n",
			"run/systemd/system/announcer.service.d/override.conf": "[Service]\nGroup=x\n",
		}, "announcer", "", true},
		{"a unit of the administrator's", map[string]string{
			"usr/lib/systemd/system/announcer.service": "",
			"etc/systemd/system/announcer.service":     "[Service]\nUser=pbx\n",
		}, "pbx", "", false},
		{"a unit without a user", map[string]string{"lib/systemd/system/announcer.service": "[Service]\nProtectHome=tmpfs\n"}, "root", "", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			packaged, err := os.ReadFile("../../packaging/announcer.service")
			if err != nil {
				t.Fatal(err)
			}
			root := t.TempDir()
			for name, content := range test.files {
				if content == "" {
					content = string(packaged)
				}
				write(t, filepath.Join(root, name), content)
			}
			u, ok := ReadUnit(root)
			if groups := strings.Join(u.groups(), " "); !ok || u.name() != test.user || groups != test.groups || u.hidesHome != test.home {
				t.Errorf("user %q, groups %q, %+v; want %+v", u.name(), groups, u, test)
			}
		})
	}
	if _, ok := ReadUnit(t.TempDir()); ok {
		t.Error("there is a unit in an empty directory")
	}
}

// TestUnreadable checks which files the daemon of a unit can't read, and what is said about each.
func TestUnreadable(t *testing.T) {
	const mine = "4294967294" // the number of no user
	for _, test := range []struct {
		name string
		unit Unit
		file os.FileMode
		dir  os.FileMode
		want string // "": it can be read
	}{
		{"readable for all", Unit{isDynamic: true}, 0o644, 0o755, ""},
		{"a mode by umask 027", Unit{isDynamic: true}, 0o640, 0o755, "the unit runs it as the user announcer, and DIR/a.service is -rw-r----- "},
		{"a directory that is closed", Unit{isDynamic: true}, 0o644, 0o750, "the unit runs it as the user announcer, and DIR is drwxr-x--- "},
		{"a group that has no right", Unit{isDynamic: true, group: mine}, 0o640, 0o755, "the user announcer with the group " + mine + ", and DIR/a.service"},
		{"the group of the file", Unit{isDynamic: true, group: strconv.Itoa(os.Getegid())}, 0o640, 0o755, ""},
		{"root", Unit{}, 0o600, 0o700, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := shared(t)
			file := filepath.Join(dir, "a.service")
			write(t, file, "x")
			if err := os.Chmod(file, test.file); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(dir, test.dir); err != nil {
				t.Fatal(err)
			}
			findings := test.unit.Unreadable([]string{dir})
			var about []string
			for _, f := range findings {
				if f.File == file {
					about = append(about, strings.ReplaceAll(f.String(), dir, "DIR"))
				}
			}
			got := strings.Join(about, "\n")
			if test.want == "" && len(findings) > 0 || !strings.Contains(got, test.want) || got != "" && !strings.HasSuffix(got, " [unit/unreadable]") {
				t.Errorf("got %v, want %q", findings, test.want)
			}
		})
	}
}

// TestUnreadableHome checks a link into a directory that the unit does not see.
func TestUnreadableHome(t *testing.T) {
	dir := shared(t)
	link := filepath.Join(dir, "a.service")
	if err := os.Symlink("/root", link); err != nil {
		t.Fatal(err)
	}
	if got := (Unit{hidesHome: true}).Unreadable([]string{link}).Error(); !strings.HasPrefix(got, link+": warning: the daemon can't read it: it is /root, and ProtectHome= of the unit hides /root;") {
		t.Error(got)
	}
	if got := (Unit{}).Unreadable([]string{link}).Error(); got != "" {
		t.Error(got)
	}
}

// shared returns a directory whose parents all users can pass.
func shared(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, path := range []string{filepath.Dir(dir), dir} {
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

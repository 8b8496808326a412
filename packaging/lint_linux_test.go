package packaging

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// testLint has the checkers of the distributions judge the packages, down to their hints. What they may find is in
// deb/lintian-overrides and rpm/rpmlint.toml, with the reason.
func testLint(t *testing.T, p packages) {
	for _, test := range []struct {
		name    string
		command []string
		want    string
	}{
		{"lintian", []string{"lintian", "--allow-root", "--pedantic", "--display-info", "--display-experimental", p.deb}, ""},
		{"rpmlint", []string{"rpmlint", "--strict", "--config", "rpm/rpmlint.toml", p.rpm}, " 0 errors, 0 warnings, "},
	} {
		t.Run(test.name, func(t *testing.T) {
			cmd := exec.Command(test.command[0], test.command[1:]...)
			cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
			said, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(said), test.want) || test.want == "" && len(said) > 0 {
				t.Errorf("%v\n%s", err, said)
			}
		})
	}
}

// testPayload unpacks the .rpm as a person does who wants to look into it.
func testPayload(t *testing.T, p packages) {
	dir := t.TempDir()
	names := strings.Fields(run(t, dir, "sh", "-c", `rpm2cpio "$1" | cpio --list --quiet`, "sh", p.rpm))
	listed := strings.Fields(run(t, ".", "rpm", "-qp", "--list", p.rpm))
	if len(names) == 0 || slices.ContainsFunc(names, func(name string) bool { return !strings.HasPrefix(name, "./") }) {
		t.Errorf("the payload has %q; want names that start with a dot", names)
	}
	for i, name := range names {
		names[i] = strings.TrimPrefix(name, ".")
	}
	if slices.Sort(names); !slices.Equal(names, listed) {
		t.Errorf("the payload has %q; want %q", names, listed)
	}
	run(t, dir, "sh", "-c", `rpm2cpio "$1" | cpio --extract --make-directories --quiet`, "sh", p.rpm)
	if _, err := os.Stat(filepath.Join(dir, "usr/bin/announcer")); err != nil {
		t.Error(err)
	}
}

// testDocumentation follows the links of the pages in the packages, and looks for every example.
func testDocumentation(t *testing.T, p packages) {
	dir := t.TempDir()
	run(t, dir, "dpkg", "--extract", p.deb, ".")
	doc := filepath.Join(dir, "usr/share/doc/announcer")
	for _, example := range strings.Fields(run(t, "..", "git", "ls-files", "--", "examples", ":!*_test.go")) {
		if info, err := os.Stat(filepath.Join(doc, example)); err != nil || info.Mode() != 0o644 {
			t.Errorf("%s: %v, %v; want a file that everybody can read", example, info, err)
		}
	}
	pages, err := filepath.Glob(filepath.Join(doc, "docs", "*.md"))
	if err != nil || len(pages) == 0 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	for _, page := range append(pages, filepath.Join(doc, "README.md"), filepath.Join(doc, "SECURITY.md")) {
		t.Run(filepath.Base(page), func(t *testing.T) { testLinks(t, doc, page) })
	}
}

// testLinks follows the links of a page. Links to files that only the source has may lead nowhere.
func testLinks(t *testing.T, doc, page string) {
	ofSource := regexp.MustCompile(`^(CHANGELOG\.md|CONTRIBUTING\.md|packaging/.*)$`)
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`).FindAllStringSubmatch(string(text), -1) {
		path, err := filepath.Rel(doc, filepath.Join(filepath.Dir(page), link[1]))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(doc, path)); err != nil && !ofSource.MatchString(path) {
			t.Errorf("the link to %s leads nowhere: %v", link[1], err)
		}
	}
}

// testMarks looks at which files of the .rpm are documentation and licences.
func testMarks(t *testing.T, p packages) {
	for _, test := range []struct{ name, option, want, without string }{
		{"documentation", "--docfiles", "/usr/share/man/man8/announcer.8.gz", "/usr/bin/announcer"},
		{"licences", "--licensefiles", "/usr/share/licenses/announcer/LICENSE", "/usr/share/doc/announcer/README.md"},
	} {
		t.Run(test.name, func(t *testing.T) {
			listed := strings.Fields(run(t, ".", "rpm", "-qp", test.option, p.rpm))
			if !slices.Contains(listed, test.want) || slices.Contains(listed, test.without) {
				t.Errorf("%q; want %s among them, without %s", listed, test.want, test.without)
			}
		})
	}
}

// testFields looks at what package managers show of the packages.
func testFields(t *testing.T, p packages) {
	for _, test := range []struct {
		name    string
		command []string
		want    string
	}{
		{"homepage of the deb", []string{"dpkg-deb", "--field", p.deb, "Homepage"}, "https://"},
		{"changelog of the deb", []string{"sh", "-c", `dpkg-deb --fsys-tarfile "$1" | tar --extract --to-stdout ./usr/share/doc/announcer/changelog.Debian.gz | zcat`, "sh", p.deb}, "announcer ("},
		{"changes of the deb", []string{"sh", "-c", `dpkg-deb --fsys-tarfile "$1" | tar --extract --to-stdout ./usr/share/doc/announcer/changelog.gz | zcat`, "sh", p.deb}, "# Changelog\n"},
		{"homepage of the rpm", []string{"rpm", "-qp", "--queryformat", "%{URL}", p.rpm}, "https://"},
		{"changelog of the rpm", []string{"rpm", "-qp", "--changelog", p.rpm}, "* "},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := run(t, ".", test.command[0], test.command[1:]...); !strings.HasPrefix(got, test.want) {
				t.Errorf("%.200q; want it to start with %q", got, test.want)
			}
		})
	}
}

package packaging

import (
	"compress/gzip"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// columns is the width of a terminal that every manual page fits.
const columns = 80

// testManualPages looks at the manual pages as they are installed, and for those that others name.
func testManualPages(t *testing.T, d debian, project string) {
	pages := manualPages(t, d)
	if want := []string{"announcer(1)", "announcer(8)", "announcer-deploying(7)", "announcer-services(5)", "announcer.toml(5)"}; !slices.Equal(slices.Sorted(maps.Keys(pages)), want) {
		t.Fatalf("the pages are %q; want %q", slices.Sorted(maps.Keys(pages)), want)
	}
	date := strings.TrimSpace(run(t, project, "env", "TZ=UTC", "git", "log", "-1", "--format=%cd", "--date=format-local:%F"))
	for name, page := range pages {
		t.Run(name, func(t *testing.T) {
			testManualPage(t, name, page, date)
			testReferences(t, d, name, page, slices.Sorted(maps.Keys(pages)))
		})
	}
	t.Run("exit status", func(t *testing.T) { testExitStatus(t, pages["announcer(1)"]) })
	t.Run("environment", func(t *testing.T) { testEnvironment(t, pages["announcer(1)"]+pages["announcer(8)"]) })
	t.Run("of the unit", func(t *testing.T) { testPagesOfUnit(t, d, pages) })
}

// manualPages returns the pages of the package as roff, by name and section.
func manualPages(t *testing.T, d debian) map[string]string {
	t.Helper()
	pages := map[string]string{}
	files, err := filepath.Glob(d.path("usr/share/man/man*/announcer*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		file, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		unzipped, err := gzip.NewReader(file)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(unzipped)
		if err != nil {
			t.Fatal(err)
		}
		base := strings.TrimSuffix(filepath.Base(name), ".gz")
		section := strings.TrimPrefix(filepath.Ext(base), ".")
		pages[strings.TrimSuffix(base, "."+section)+"("+section+")"] = string(text)
	}
	return pages
}

// mandoc formats a page, or has it judged.
func mandoc(t *testing.T, page string, args ...string) string {
	t.Helper()
	cmd := exec.Command("mandoc", args...)
	cmd.Stdin = strings.NewReader(page)
	said, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("mandoc %s: %v\n%s", strings.Join(args, " "), err, said)
	}
	return string(said)
}

// testManualPage has mandoc judge a page, and looks at its width, its date and its sections.
func testManualPage(t *testing.T, name, page, date string) {
	mandoc(t, page, "-T", "lint", "-W", "warning")
	for line := range strings.Lines(plain(t, page)) {
		if width := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); width > columns {
			t.Errorf("%d columns; want %d: %s", width, columns, line)
		}
	}
	if head := regexp.MustCompile(`(?m)^\.TH .*$`).FindString(page); !strings.Contains(head, date) {
		t.Errorf("the head is %s; want the date %s", head, date)
	}
	sections := []string{"NAME", "DESCRIPTION", "ENVIRONMENT", "FILES", "EXAMPLES", "SEE ALSO"}
	if strings.HasSuffix(name, "(1)") || strings.HasSuffix(name, "(8)") {
		sections = append(sections, "SYNOPSIS", "EXIT STATUS")
	}
	for _, want := range sections {
		if sectionOf(page, want) == "" {
			t.Errorf("no section %s", want)
		}
	}
}

// plain returns a page as a terminal shows it, without bold and underlined characters.
func plain(t *testing.T, page string) string {
	t.Helper()
	return regexp.MustCompile(`.\x08`).ReplaceAllString(mandoc(t, page, "-T", "utf8", "-O", "width=80"), "")
}

// sectionOf returns a section of a page, as roff.
func sectionOf(page, name string) string {
	_, rest, _ := strings.Cut(page, "\n.SH "+name+"\n")
	text, _, _ := strings.Cut(rest, "\n.SH ")
	return text
}

// testReferences looks for the pages that a page refers to: in the package, or in the packages that the tests have
// unpacked. SEE ALSO has all other pages of the package.
func testReferences(t *testing.T, d debian, name, page string, all []string) {
	reference := regexp.MustCompile(`\\fB([\w.-]+)\\fP\((\d)\)`)
	for _, m := range reference.FindAllStringSubmatch(strings.ReplaceAll(page, `\-`, "-"), -1) {
		file := "usr/share/man/man" + m[2] + "/" + m[1] + "." + m[2] + ".gz"
		if _, err := os.Stat("../.test-deps/root/" + file); err != nil && !d.has(file) {
			t.Errorf("it refers to %s(%s), which does not exist", m[1], m[2])
		}
	}
	var seen []string
	for _, m := range reference.FindAllStringSubmatch(strings.ReplaceAll(sectionOf(page, "SEE ALSO"), `\-`, "-"), -1) {
		seen = append(seen, m[1]+"("+m[2]+")")
	}
	for _, other := range all {
		if other != name && !slices.Contains(seen, other) {
			t.Errorf("SEE ALSO has %q; want %s, too", seen, other)
		}
	}
}

// testExitStatus looks for each exit code of the program in its page.
func testExitStatus(t *testing.T, page string) {
	status := sectionOf(page, "EXIT STATUS")
	codes := found(t, regexp.MustCompile(`(?m)^\s*(?:const )?exit[A-Z]\w*\s*= (\d+)\b`), "../cmd/announcer/*.go", "../internal/oneshot/*.go")
	if len(codes) < 5 {
		t.Errorf("the code has the exit codes %q; want more", codes)
	}
	for _, code := range codes {
		if !regexp.MustCompile(`\b` + code + `\b`).MatchString(status) {
			t.Errorf("EXIT STATUS has no %s", code)
		}
	}
}

// testEnvironment looks for each variable that the program reads in the pages.
func testEnvironment(t *testing.T, pages string) {
	variables := found(t, regexp.MustCompile(`(?i:getenv|lookupenv)\("(\w+)"\)`), "../cmd/announcer/*.go", "../internal/*/*.go", "../internal/*/*/*.go")
	if len(variables) < 5 {
		t.Errorf("the code reads the variables %q; want more", variables)
	}
	for _, variable := range variables {
		if !strings.Contains(pages, "\n"+variable) && !strings.Contains(pages, ", "+variable) {
			t.Errorf("no page has %s", variable)
		}
	}
}

// found returns what the group of an expression matches in the code of the program, each once.
func found(t *testing.T, expression *regexp.Regexp, patterns ...string) []string {
	t.Helper()
	all := map[string]bool{}
	for _, pattern := range patterns {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") || strings.Contains(name, "/testkit/") {
				continue
			}
			code, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range expression.FindAllSubmatch(code, -1) {
				all[string(m[1])] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// testPagesOfUnit looks for the pages that the unit names.
func testPagesOfUnit(t *testing.T, d debian, pages map[string]string) {
	unit, err := os.ReadFile(d.path("usr/lib/systemd/system/announcer.service"))
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`man:(\S+\(\d\))`).FindAllSubmatch(unit, -1)
	if len(named) == 0 {
		t.Error("the unit names no manual page")
	}
	for _, page := range named {
		if pages[string(page[1])] == "" {
			t.Errorf("the unit names %s, which is not there", page[1])
		}
	}
}

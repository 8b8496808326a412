package docs

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// section returns the text below a heading of the second level.
func section(t *testing.T, text, heading string) string {
	t.Helper()
	_, rest, ok := strings.Cut(text, "\n## "+heading+"\n")
	if !ok {
		t.Fatalf("there is no %q", heading)
	}
	text, _, _ = strings.Cut(rest, "\n## ")
	return text
}

// all returns what the group of an expression matches, each once and in order.
func all(text, expression string) []string {
	var found []string
	for _, m := range regexp.MustCompile(expression).FindAllStringSubmatch(text, -1) {
		found = append(found, m[1])
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// code returns the code of packages, tests aside.
func code(t *testing.T, dirs ...string) string {
	t.Helper()
	var text strings.Builder
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			if name := entry.Name(); strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
				text.WriteString(read(t, dir+"/"+name))
			}
		}
	}
	return text.String()
}

// TestPromisesAreTrue compares what the page on promises says, and the lists that it refers to, with the code.
func TestPromisesAreTrue(t *testing.T) {
	page := read(t, "promises.md")
	commands := read(t, "commands.md")
	program := code(t, "../cmd/announcer", "../internal/oneshot", "../internal/status")
	_, app, _ := strings.Cut(read(t, "../cmd/announcer/app.go"), "Commands: []*cli.Command{")
	app, _, _ = strings.Cut(app, "},")
	for _, test := range []struct {
		name      string
		got, want []string
	}{
		{
			"exit codes", all(strings.Join(all(section(t, commands, "Exit codes"), `(?m)^\| ([^|]+) \|`), " "), `(\d+)`),
			all(strings.Join(append(all(program, `(?m)^\s*(?:const )?exit[A-Z]\w*\s*= (\d+)\b`), "128"), " "), `(\d+)`), // with 128 begin signals
		},
		{
			"commands", all(strings.Join(all(commands, "(?m)^## ([a-z, ]+)$"), " "), `([a-z]+)`),
			slices.DeleteFunc(all(app, `(\w+)Command\(\)`), func(name string) bool { return name == "help" || name == "complete" }),
		},
		{"platforms", all(section(t, page, "What is supported"), "`([a-z]+-[a-z0-9]+)`"), all(strings.Join(strings.Fields(all(read(t, "../Makefile"), `(?m)^PLATFORMS = (.*)$`)[0]), "\n"), `(?m)^(.*)$`)},
		{"Go", all(section(t, page, "What is supported"), `\| Go (1\.\d+)`), all(read(t, "../go.mod"), `(?m)^go (1\.\d+)`)},
		{"version of the JSON", all(section(t, page, "What is stable"), "`version` is (\\d+)"), all(program, `(?m)^const Version = (\d+)`)},
		{"pages", missing(all(section(t, page, "What is stable"), "`(/[a-z.]+)`"), section(t, read(t, "status.md"), "Pages")), nil},
		{"the namespace of signatures", all(page, `-n ([a-z-]+) `), all(read(t, "../release/sums.go"), `namespace = "([a-z-]+)"`)},
		{"files of a release", all(section(t, page, "Verify a download"), "`(SHA256SUMS[a-z.]*|announcer\\.[a-z.]+)`"), []string{"SHA256SUMS", "SHA256SUMS.sig", all(read(t, "../release/main.go"), `provenanceFile = "(.*)"`)[0]}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if !slices.Equal(test.got, test.want) {
				t.Errorf("the page has %q; want %q", test.got, test.want)
			}
		})
	}
}

// missing returns the words that a text lacks.
func missing(words []string, text string) (lacking []string) {
	for _, word := range words {
		if !strings.Contains(text, word) {
			lacking = append(lacking, word)
		}
	}
	return lacking
}

// TestPromisedPagesExist wants every page that the one on promises refers to, with the heading that it names.
func TestPromisedPagesExist(t *testing.T) {
	for _, link := range all(read(t, "promises.md"), `\]\(([\w./#-]+)\)`) {
		file, anchor, _ := strings.Cut(link, "#")
		text := read(t, file)
		if anchor == "" {
			continue
		}
		headings := all(text, `(?m)^#+ (.*)$`)
		if !slices.ContainsFunc(headings, func(heading string) bool { return strings.ReplaceAll(strings.ToLower(heading), " ", "-") == anchor }) {
			t.Errorf("%s has no heading for #%s", file, anchor)
		}
	}
}

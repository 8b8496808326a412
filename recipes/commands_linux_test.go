package recipes

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"announcer/internal/testkit/skip"
)

// section returns the part about recipes of docs/deploying.md.
func section(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../docs/deploying.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, ok := strings.Cut(string(text), "\n## Recipes\n")
	if !ok {
		t.Fatal("docs/deploying.md has no recipes")
	}
	part, _, _ := strings.Cut(after, "\n## ")
	return part
}

// TestCommands runs the commands of that part in the root of the project, and compares what they print, empty lines aside. "…" stands for any text.
// Of "make" it checks that there is such a target.
func TestCommands(t *testing.T) {
	for _, block := range regexp.MustCompile("(?ms)^```console\n(.*?)^```$").FindAllStringSubmatch(section(t), -1) {
		for _, step := range strings.Split("\n"+block[1], "\n$ ")[1:] {
			command, want, _ := strings.Cut(step, "\n")
			t.Run(command, func(t *testing.T) {
				if target, ok := strings.CutPrefix(command, "make "); ok {
					run(t, "..", "make", "--dry-run", target)
					return
				}
				for _, tool := range []string{"promtool", "ansible-playbook"} {
					if strings.Contains(command, tool) {
						skip.Without(t, tool)
					}
				}
				cmd := exec.Command("sh", "-c", command)
				cmd.Dir = ".."
				got, err := cmd.CombinedOutput()
				if err != nil {
					t.Errorf("%v", err)
				}
				pattern := strings.ReplaceAll(regexp.QuoteMeta(words(want)), "…", ".*")
				if !regexp.MustCompile("^" + pattern + "$").MatchString(words(string(got))) {
					t.Errorf("it printed:\n%s\nwant:\n%s", got, want)
				}
			})
		}
	}
}

// words returns a text without the differences in white space.
func words(text string) string { return strings.Join(strings.Fields(text), " ") }

package docs

import (
	"go/ast"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A habit is a phrase that readers with English as a third language read twice.
type habit struct {
	phrase  string // a regular expression, for whole words; a space matches any white space
	instead string // what to write instead
	example string // a sentence that has it
}

var habits = []habit{
	{"anew|afresh", "again", "It reads everything anew."},
	{"but for|save for", "except", "All models but for the D80 have one."},
	{"of (no )?use", "usable, valid; unusable, invalid", "The file is of no use."},
	{"(is|are|be|was|were) had( back)?|had back", "regained; there is", "The name is had back at once."},
	{"sees? to it", "checks, makes sure", "It sees to it that nothing is lost."},
	{"turn(s|ed)? out to", "is, becomes", "A file that turns out to be wrong is refused."},
	{"has its way|have their way", "decides, applies", "The first rule has its way."},
	{"hence|thereof|whence|thereby|wherein|whereof", "therefore, of it, from where", "It has no lines; hence the package."},
	{"by then", "until then, after that", "By then the other one serves."},
	{"whoever|whomever", "the host, client or user that", "Whoever asks is remembered."},
	{"as (it|they) stands?", "unchanged, literally", "The text is published as it stands."},
	{"stands? in (it|the) (way|file|tag|text)", "is in, is not allowed in", "What stands in the file counts."},
	{"in the place of", "instead of", "Put your files in the place of these."},
	{"tells?|told", "reports, prints, lists, shows; notifies", "It tells what is wrong."},
	{"somebody|everybody|anybody|nobody", "name it: no host, every user, another client", "Nobody listens on that port."},
	{"where (it|that|there|they) (is|are|was|were|isn't|aren't)", "if it is, if there is", "Where there is none, it ends."},
	{"on the wire", "on the network, announced", "The name that it has on the wire."},
	{"(says?|said|saying) goodbye", "withdraws its services, sends a goodbye", "It says goodbye at the end."},
	{"looked at", "read, checked", "Files are looked at every minute."},
	{"has to|have to|had to", "must, needs", "One of the two has to be set."},
	{"on its way|on the way", "being announced, in transit", "Nothing is on its way."},
	{"please|sorry", "leave it out", "Please try again."},
}

// starts are habits at the start of a doc comment.
var starts = []habit{
	{`^\w+ gives (the|a|an|what|whether|all|how)`, "returns", "Status gives the state."},
	{`^\w+ tells`, "reports, returns", "Status tells how the daemon stands."},
	{`^\w+ says (whether|what|why|who|which|how|where|that|when|on)`, "reports, returns, describes", "On says whether it is announced."},
}

// find returns where a text has habits, as "LINE: PHRASE; want INSTEAD". The first line has the number line.
func find(text string, line int, habits []habit) []string {
	var found []string
	for _, h := range habits {
		phrase := regexp.MustCompile(`(?i)\b(?:` + strings.ReplaceAll(h.phrase, " ", `[\s/#>*-]+`) + `)\b`)
		for _, at := range phrase.FindAllStringIndex(text, -1) {
			number := line + strings.Count(text[:at[0]], "\n")
			found = append(found, strconv.Itoa(number)+": "+strconv.Quote(text[at[0]:at[1]])+"; want "+h.instead)
		}
	}
	return found
}

// TestHabits wants each habit found in its example, also at a line end and in capitals, and not in plain text.
func TestHabits(t *testing.T) {
	for _, h := range slices.Concat(habits, starts) {
		t.Run(h.example, func(t *testing.T) {
			for _, text := range []string{h.example, strings.ToUpper(h.example), strings.ReplaceAll(h.example, " ", "\n")} {
				if found := find(text, 1, []habit{h}); len(found) == 0 {
					t.Errorf("nothing is found in %q", text)
				}
			}
			if found := find("If there is none, the daemon reads the file again. One of the two is required.", 1, []habit{h}); len(found) > 0 {
				t.Errorf("found in plain text: %q", found)
			}
		})
	}
}

// TestLanguageOfDocuments wants the documents, manual pages, examples and files of the packages to be in plain words.
func TestLanguageOfDocuments(t *testing.T) {
	var files []string
	for _, pattern := range []string{"../*.md", "*.md", "man/*.md", "../examples/*.toml", "../examples/*/*.service", "../examples/*/*/*.toml", "../examples/*/*.y*ml", "../examples/ansible/roles/*/*/*.yml", "../examples/firewall/*", "../examples/systemd/*",
		"../packaging/announcer.*", "../packaging/nfpm.yaml", "../packaging/deb/p*", "../packaging/rpm/*", "../Makefile"} {
		matches, err := filepath.Glob(pattern)
		if err != nil || matches == nil {
			t.Fatalf("%s matches nothing, error %v", pattern, err)
		}
		files = append(files, matches...)
	}
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, found := range find(string(text), 1, habits) {
				t.Errorf("%s:%s", file, found)
			}
		})
	}
}

// TestLanguageOfCode wants messages and help, which are the strings of the program, and all comments to be in plain words.
func TestLanguageOfCode(t *testing.T) {
	files, set := parse(t)
	folders := map[string][]file{}
	for _, f := range files {
		if f.path != "docs/language_test.go" {
			folders[f.folder] = append(folders[f.folder], f)
		}
	}
	for _, folder := range slices.Sorted(maps.Keys(folders)) {
		t.Run(folder, func(t *testing.T) {
			for _, f := range folders[folder] {
				for _, comment := range f.Comments {
					report(t, set.Position(comment.Pos()), comment.Text(), slices.Concat(habits, starts))
				}
				if !forTests(f) {
					reportStrings(t, set, f.File)
				}
			}
		})
	}
}

// forTests reports whether a file is no part of the program.
func forTests(f file) bool {
	return f.test || slices.ContainsFunc([]string{"bench", "compare", "packaging", "recipes", "internal/testkit"}, func(dir string) bool {
		return strings.HasPrefix(f.path, dir+"/")
	})
}

// reportStrings reports the habits in the strings of a file that have more than a word.
func reportStrings(t *testing.T, files *token.FileSet, file *ast.File) {
	ast.Inspect(file, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if text, err := strconv.Unquote(lit.Value); err == nil && strings.Contains(text, " ") {
				report(t, files.Position(lit.Pos()), text, habits)
			}
		}
		return true
	})
}

func report(t *testing.T, at token.Position, text string, habits []habit) {
	for _, found := range find(text, at.Line, habits) {
		t.Errorf("%s:%s", at.Filename, found)
	}
}

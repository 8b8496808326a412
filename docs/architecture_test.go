// Package docs holds the documents. Its tests compare the one on architecture with the code.
package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	project = "announcer/"
	testkit = "internal/testkit/"
)

// imports returns what each package imports, tests aside. Packages of the project are named by their folder.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, words := range list(t, `{{.ImportPath}} {{join .Imports " "}}`, "./cmd/...", "./internal/...", "./services") {
		if room := strings.TrimPrefix(words[0], project); !strings.HasPrefix(room, testkit) {
			all[room] = words[1:]
		}
	}
	return all
}

// list returns what "go list" prints about packages, each line as words.
func list(t *testing.T, format string, packages ...string) [][]string {
	t.Helper()
	// "go test" keeps a result until a file changes that the test itself has opened; it does not see what "go list" reads.
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".go" {
			_, err = os.Stat(path)
		} else if err == nil && entry.IsDir() && path != ".." && strings.HasPrefix(entry.Name(), ".") {
			return filepath.SkipDir
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", append([]string{"list", "-f", format}, packages...)...)
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var all [][]string
	for line := range strings.Lines(string(out)) {
		all = append(all, strings.Fields(line))
	}
	return all
}

// document returns the document.
func document(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// row is a room in the table of rooms, with one sentence.
var row = regexp.MustCompile("(?m)^\\| (\\d+) \\| `([^`]+)` \\| ([^|]+\\.) \\|$")

// levels returns the level of each room in the document.
func levels(t *testing.T) map[string]int {
	t.Helper()
	all := map[string]int{}
	for _, m := range row.FindAllStringSubmatch(document(t), -1) {
		level, err := strconv.Atoi(m[1])
		if err != nil {
			t.Fatal(err)
		}
		all[m[2]] = level
	}
	return all
}

// TestArchitectureLevels wants every room in the document, with a sentence, and no import from a room to one that is not below it.
func TestArchitectureLevels(t *testing.T) {
	all, level := imports(t), levels(t)
	for room := range level {
		if _, ok := all[room]; !ok {
			t.Errorf("the document has %s, and there is no such package", room)
		}
	}
	for room, imported := range all {
		if _, ok := level[room]; !ok {
			t.Errorf("the document lacks a level and a sentence for %s", room)
		}
		for _, path := range imported {
			other, ours := strings.CutPrefix(path, project)
			if strings.HasPrefix(other, testkit) {
				t.Errorf("%s imports %s, which is for tests", room, other)
			} else if ours && level[other] >= level[room] {
				t.Errorf("%s, of level %d, imports %s, of level %d", room, level[room], other, level[other])
			}
		}
	}
}

// cell is where a room is in the picture of the house, from the top and from the left.
type cell struct{ floor, column int }

// picture returns the cell of each room in the picture.
func picture(t *testing.T) map[string]cell {
	t.Helper()
	all := map[string]cell{}
	floor := -1
	for line := range strings.Lines(document(t)) {
		inside, isRow := strings.CutPrefix(strings.TrimSpace(line), "│")
		if strings.HasPrefix(line, "┌") || strings.HasPrefix(line, "├") {
			floor++
		}
		if !isRow {
			continue
		}
		for column, names := range strings.Split(strings.TrimSuffix(inside, "│"), "│") {
			for _, name := range strings.Fields(names) {
				if _, twice := all[name]; twice {
					t.Errorf("the picture has %s twice", name)
				}
				all[name] = cell{floor, column}
			}
		}
	}
	return all
}

// above reports whether a room in cell a may import one in cell b, leaving aside levels.
func (a cell) above(b cell) bool {
	return a.floor < b.floor || a.floor == b.floor && a.column <= b.column
}

// TestArchitecturePicture wants every room in the picture once, and no import up or to the left.
func TestArchitecturePicture(t *testing.T) {
	all, cells := imports(t), picture(t)
	drawn := map[string]cell{}
	for room := range all {
		name := strings.TrimPrefix(room, "internal/")
		c, ok := cells[name]
		if !ok {
			t.Errorf("the picture lacks %s", name)
		}
		drawn[room] = c
		delete(cells, name)
	}
	for name := range cells {
		t.Errorf("the picture has %s, and there is no such package", name)
	}
	for room, imported := range all {
		for _, path := range imported {
			other, ours := strings.CutPrefix(path, project)
			if ours && !strings.HasPrefix(other, testkit) && !drawn[room].above(drawn[other]) {
				t.Errorf("%s imports %s, which is above it or to its left", room, other)
			}
		}
	}
}

// TestArchitectureFlow wants the rooms of the picture of the flow to exist.
func TestArchitectureFlow(t *testing.T) {
	all := imports(t)
	named := regexp.MustCompile(`\[([a-z/]+)\] ?[^\](]`).FindAllStringSubmatch(document(t), -1)
	if len(named) < 5 {
		t.Errorf("%d rooms in the flow", len(named))
	}
	for _, m := range named {
		if _, ok := all["internal/"+m[1]]; !ok {
			t.Errorf("the flow has %s, and there is no such package", m[1])
		}
	}
}

// TestArchitectureWalks wants the rooms and functions of the two walks to exist, and their numbers to add up.
func TestArchitectureWalks(t *testing.T) {
	walk := regexp.MustCompile(`(?m)^### .*: (\d+) rooms, (\d+) functions$`)
	step := regexp.MustCompile("(?m)^\\| `([a-z/]+)` \\| (\\d+) \\| (.*) \\|$")
	function := regexp.MustCompile("`([A-Za-z.]+)`")
	_, text, ok := strings.Cut(document(t), "## Two walks")
	if !ok {
		t.Fatal("the document has no walks")
	}
	text, _, _ = strings.Cut(text, "\n## ") // the rest of the document if no part follows
	for _, part := range strings.Split(text, "\n### ")[1:] {
		title := walk.FindStringSubmatch("### " + part)
		rooms, sum := 0, 0
		for _, m := range step.FindAllStringSubmatch(part, -1) {
			n, err := strconv.Atoi(m[2])
			if err != nil {
				t.Error(err)
			}
			rooms, sum = rooms+1, sum+n
			there := functions(t, m[1])
			for _, f := range function.FindAllStringSubmatch(m[3], -1) {
				if !there[f[1]] {
					t.Errorf("internal/%s has no function %s", m[1], f[1])
				}
			}
		}
		if title == nil || title[1] != strconv.Itoa(rooms) || title[2] != strconv.Itoa(sum) {
			t.Errorf("%q has %d rooms and %d functions", strings.SplitN(part, "\n", 2)[0], rooms, sum)
		}
	}
}

// functions returns the functions of a room, and its methods as Type.Method.
func functions(t *testing.T, room string) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	for _, file := range sources(t, "internal/"+room) {
		for _, declared := range file.Decls {
			f, ok := declared.(*ast.FuncDecl)
			if !ok {
				continue
			}
			name := f.Name.Name
			if f.Recv != nil {
				name = strings.TrimPrefix(types.ExprString(f.Recv.List[0].Type), "*") + "." + name
			}
			all[name] = true
		}
	}
	return all
}

// sources returns the files of a package, tests aside, by their paths.
func sources(t *testing.T, room string) map[string]*ast.File {
	t.Helper()
	paths, err := filepath.Glob("../" + room + "/*.go")
	if err != nil || len(paths) == 0 {
		t.Fatal(room, paths, err)
	}
	all := map[string]*ast.File{}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		if all[path], err = parser.ParseFile(token.NewFileSet(), path, nil, 0); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// TestArchitectureTestkit wants every room of the test kit in the document, with a sentence, and no other.
func TestArchitectureTestkit(t *testing.T) {
	there := map[string]bool{}
	for _, path := range list(t, "{{.ImportPath}}", "./"+testkit+"...") {
		there[strings.TrimPrefix(path[0], project+testkit)] = true
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z/]+)` \\| [A-Z][^|]+\\. \\|$").FindAllStringSubmatch(document(t), -1) {
		if !there[m[1]] {
			t.Errorf("the document has %s, and there is no such package", m[1])
		}
		delete(there, m[1])
	}
	for room := range there {
		t.Errorf("the document lacks a sentence for %s%s", testkit, room)
	}
}

// TestArchitectureFiles wants the files that the document names.
func TestArchitectureFiles(t *testing.T) {
	for _, m := range regexp.MustCompile("`((?:cmd|internal|services|docs|examples)/[^` ]*)`").FindAllStringSubmatch(document(t), -1) {
		if _, err := os.Stat("../" + m[1]); err != nil {
			t.Errorf("the document names %s: %v", m[1], err)
		}
	}
}

// TestArchitectureLeaf wants the leaf to import nothing of the project but the model and names.
func TestArchitectureLeaf(t *testing.T) {
	for _, path := range imports(t)["internal/publication"] {
		if strings.HasPrefix(path, project) && path != project+"services" && path != project+"internal/dnsname" {
			t.Errorf("the leaf imports %s", path)
		}
	}
}

// TestArchitecturePure wants no clock, socket or file in the responder.
func TestArchitecturePure(t *testing.T) {
	const room = "internal/mdns/responder"
	for _, path := range imports(t)[room] {
		if slices.Contains([]string{"net", "os", "syscall", "context", "sync", "io/fs"}, path) {
			t.Errorf("%s imports %s", room, path)
		}
	}
	clock := []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}
	for path, file := range sources(t, room) {
		ast.Inspect(file, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := s.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains(clock, s.Sel.Name) {
					t.Errorf("%s: time.%s", path, s.Sel.Name)
				}
			}
			return true
		})
	}
}

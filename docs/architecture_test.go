// Package docs holds the documents. Its tests compare the one on architecture with the code.
package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
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
	// "go test" keeps a result until a file changes that the test itself has looked at; it does not see what "go list" reads.
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
	cmd := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./cmd/...", "./internal/...", "./services")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		if room := strings.TrimPrefix(words[0], project); !strings.HasPrefix(room, testkit) {
			all[room] = words[1:]
		}
	}
	return all
}

// levels returns the level of each room in the document.
func levels(t *testing.T) map[string]int {
	t.Helper()
	text, err := os.ReadFile("architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]int{}
	for _, m := range regexp.MustCompile("(?m)^\\| (\\d+) \\| `([^`]+)` \\|").FindAllSubmatch(text, -1) {
		if all[string(m[2])], err = strconv.Atoi(string(m[1])); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// TestArchitectureLevels wants every room in the document, and no import from a room to one that is not below it.
func TestArchitectureLevels(t *testing.T) {
	all, level := imports(t), levels(t)
	for room := range level {
		if _, ok := all[room]; !ok {
			t.Errorf("the document has %s, and there is no such package", room)
		}
	}
	for room, imported := range all {
		if level[room] == 0 {
			t.Errorf("the document lacks %s", room)
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
	files, err := filepath.Glob("../" + room + "/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	clock := []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := s.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains(clock, s.Sel.Name) {
					t.Errorf("%s: time.%s", set.Position(n.Pos()), s.Sel.Name)
				}
			}
			return true
		})
	}
}

package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// file is a Go file of the project.
type file struct {
	*ast.File
	path   string // "internal/sip/sip.go"
	folder string // "internal/sip"
	test   bool
}

// parse returns all Go files of the project, and what their positions mean.
func parse(t *testing.T) (files []file, set *token.FileSet) {
	t.Helper()
	set = token.NewFileSet()
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != ".." && strings.HasPrefix(entry.Name(), "."):
			return filepath.SkipDir
		case filepath.Ext(path) != ".go":
			return nil
		}
		parsed, err := parser.ParseFile(set, path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		name, err := filepath.Rel("..", path)
		name = filepath.ToSlash(name)
		files = append(files, file{parsed, name, filepath.ToSlash(filepath.Dir(name)), strings.HasSuffix(name, "_test.go")})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files, set
}

// TestCasesHaveNames wants each loop over a table of cases to run them by t.Run, so that one can be run alone. A table is
// written out in the test, or beside it, and has several elements. Two kinds of loop are left out, by the name of the value:
// "step" is one of several that follow from each other, and "want" one of several things that one result holds.
func TestCasesHaveNames(t *testing.T) {
	files, set := parse(t)
	shared := map[string]tables{} // by folder
	for _, f := range files {
		if shared[f.folder] == nil {
			shared[f.folder] = tables{}
		}
		for _, d := range f.Decls {
			if variables, ok := d.(*ast.GenDecl); ok && f.test {
				shared[f.folder].add(variables)
			}
		}
	}
	for _, f := range files {
		for _, d := range f.Decls {
			test, ok := d.(*ast.FuncDecl)
			if !ok || !f.test || test.Body == nil || !forTest(test.Type) {
				continue
			}
			for _, loop := range unnamed(test.Body, maps.Clone(shared[f.folder])) {
				t.Errorf("%s: the cases of %s don't run by t.Run", set.Position(loop.Pos()), test.Name.Name)
			}
		}
	}
}

// tables are slices, arrays and maps that are written out, by the names of their variables.
type tables map[string]*ast.CompositeLit

// add adds those that a declaration or an assignment holds.
func (all tables) add(n ast.Node) {
	ast.Inspect(n, func(n ast.Node) bool {
		var names, values []ast.Expr
		switch n := n.(type) {
		case *ast.AssignStmt:
			names, values = n.Lhs, n.Rhs
		case *ast.ValueSpec:
			for _, name := range n.Names {
				names = append(names, name)
			}
			values = n.Values
		}
		for i, value := range values {
			name, ok := names[min(i, len(names)-1)].(*ast.Ident)
			if table, is := value.(*ast.CompositeLit); is && ok {
				all[name.Name] = table
			}
		}
		return true
	})
}

// unnamed returns the loops over cases in a test that don't run them by t.Run.
func unnamed(body *ast.BlockStmt, known tables) (loops []*ast.RangeStmt) {
	known.add(body)
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return !forTest(n.Type) // a subtest, or a bubble of testing/synctest, in which t.Run can't be called
		case *ast.RangeStmt:
			table, ok := n.X.(*ast.CompositeLit)
			if name, is := n.X.(*ast.Ident); is {
				table, ok = known[name.Name]
			}
			if ok && overCases(n, table) && !calls(n.Body, "Run") {
				loops = append(loops, n)
			}
		}
		return true
	})
	return loops
}

// forTest reports whether a function is for a test, by its first parameter.
func forTest(f *ast.FuncType) bool {
	if f.Params.NumFields() == 0 {
		return false
	}
	pointer, ok := f.Params.List[0].Type.(*ast.StarExpr)
	if !ok {
		return false
	}
	selector, ok := pointer.X.(*ast.SelectorExpr)
	return ok && selector.Sel.Name == "T"
}

// overCases reports whether a loop over a table has cases. Structs are, if the loop does something with them for the test.
// Others are, if the loop itself reports what is wrong: what the test needs is made in a loop, too. Elements that are
// pointers are to what the test has made before.
func overCases(loop *ast.RangeStmt, table *ast.CompositeLit) bool {
	if len(table.Elts) < 2 || isName(loop.Value, "step") {
		return false
	}
	element := ast.Expr(nil)
	switch kind := table.Type.(type) {
	case *ast.ArrayType:
		if isName(loop.Value, "want") {
			return false
		}
		element = kind.Elt
	case *ast.MapType:
		element = kind.Value
	}
	switch element.(type) {
	case *ast.StructType:
		return mentions(loop.Body, "t")
	case *ast.StarExpr:
		return false
	}
	return calls(loop.Body, "Error", "Errorf")
}

// mentions reports whether a name is used somewhere.
func mentions(in ast.Node, name string) (found bool) {
	ast.Inspect(in, func(n ast.Node) bool {
		x, ok := n.(ast.Expr)
		found = found || ok && isName(x, name)
		return true
	})
	return found
}

// calls reports whether one of the methods of t is called somewhere.
func calls(in ast.Node, methods ...string) (found bool) {
	ast.Inspect(in, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			if method, ok := call.Fun.(*ast.SelectorExpr); ok && isName(method.X, "t") {
				found = found || slices.Contains(methods, method.Sel.Name)
			}
		}
		return true
	})
	return found
}

func isName(x ast.Expr, name string) bool {
	ident, ok := x.(*ast.Ident)
	return ok && ident.Name == name
}

// TestPackagesHaveExamples wants an example in every package that exports something.
func TestPackagesHaveExamples(t *testing.T) {
	files, _ := parse(t)
	exports, examples := map[string]bool{}, map[string]bool{}
	for _, f := range files {
		for _, d := range f.Decls {
			function, ok := d.(*ast.FuncDecl)
			switch {
			case f.test && ok:
				examples[f.folder] = examples[f.folder] || strings.HasPrefix(function.Name.Name, "Example")
			case !f.test && f.Name.Name != "main":
				exports[f.folder] = exports[f.folder] || ast.FileExports(&ast.File{Name: f.Name, Decls: []ast.Decl{d}})
			}
		}
	}
	for _, folder := range slices.Sorted(maps.Keys(exports)) {
		if exports[folder] && !examples[folder] {
			t.Errorf("%s exports something and has no example", folder)
		}
	}
}

// TestFuzzTargetsHaveCorpora wants inputs for each fuzz target that were found by fuzzing, which go test runs, and no target
// that skips an input: among the tests that are skipped it would hide one that never runs.
func TestFuzzTargetsHaveCorpora(t *testing.T) {
	files, _ := parse(t)
	targets := 0
	for _, f := range files {
		for _, d := range f.Decls {
			function, ok := d.(*ast.FuncDecl)
			if !ok || !f.test || function.Recv != nil || !strings.HasPrefix(function.Name.Name, "Fuzz") {
				continue
			}
			targets++
			dir := filepath.Join("..", f.folder, "testdata", "fuzz", function.Name.Name)
			if inputs, err := os.ReadDir(dir); len(inputs) == 0 {
				t.Errorf("%s has no inputs (%v); want some of those that make fuzz finds", dir, err)
			}
			if calls(function.Body, "Skip", "Skipf", "SkipNow") {
				t.Errorf("%s: %s skips inputs; return instead", f.folder, function.Name.Name)
			}
		}
	}
	if targets < 20 {
		t.Errorf("found %d fuzz targets", targets)
	}
}

// unreached are functions that the program does not reach, and that are here for a reason.
var unreached = map[string]string{
	"internal/netwatch/netwatch.go: unreachable func: portable": "systems other than Linux",
}

// TestFunctionsHaveCallers wants each function and method to be reached by the program.
func TestFunctionsHaveCallers(t *testing.T) {
	cmd := exec.Command("go", "tool", "deadcode", "./cmd/announcer")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		function := regexp.MustCompile(`:\d+:\d+`).ReplaceAllString(strings.TrimSpace(line), "")
		found[function] = true
		if unreached[function] == "" {
			t.Errorf("%s", strings.TrimSpace(line))
		}
	}
	for function := range unreached {
		delete(found, function)
	}
	if n := strings.Count(string(out), "\n") - len(found); n != len(unreached) {
		t.Errorf("%d of the exceptions are still needed; want %d", n, len(unreached))
	}
}

// TestKitFunctionsAreUsed wants each exported function and method of the rooms for tests to be mentioned elsewhere. What is not
// exported staticcheck looks at.
func TestKitFunctionsAreUsed(t *testing.T) {
	files, set := parse(t)
	mentioned := map[string]int{}
	for _, f := range files {
		ast.Inspect(f.File, func(n ast.Node) bool {
			if name, ok := n.(*ast.Ident); ok {
				mentioned[name.Name]++
			}
			return true
		})
	}
	for _, f := range files {
		if f.test || !strings.HasPrefix(f.folder, testkit) {
			continue
		}
		for _, d := range f.Decls {
			function, ok := d.(*ast.FuncDecl)
			if ok && function.Name.IsExported() && mentioned[function.Name.Name] < 2 {
				t.Errorf("%s: nothing calls %s", set.Position(function.Pos()), function.Name.Name)
			}
		}
	}
}

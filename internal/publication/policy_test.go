package publication

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// parseFile returns the syntax of a source file.
func parseFile(t *testing.T, files *token.FileSet, path string) *ast.File {
	t.Helper()
	file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// declaredPolicies returns the names of the policies in policy.go, in their order.
func declaredPolicies(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, decl := range parseFile(t, token.NewFileSet(), "policy.go").Decls {
		group, ok := decl.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST {
			continue
		}
		if typ, ok := group.Specs[0].(*ast.ValueSpec).Type.(*ast.Ident); !ok || typ.Name != "Policy" {
			continue
		}
		for _, spec := range group.Specs {
			names = append(names, spec.(*ast.ValueSpec).Names[0].Name)
		}
	}
	return names
}

func TestPolicyWords(t *testing.T) {
	declared := declaredPolicies(t)
	if len(declared) != len(PolicyWords()) {
		t.Fatalf("%v are declared; there are %v", declared, PolicyWords())
	}
	for i, name := range declared {
		t.Run(name, func(t *testing.T) {
			p := Policy(i)
			word := p.String()
			if word != strings.ToLower(name) {
				t.Errorf("it is called %q", word)
			}
			if got, ok := ParsePolicy(word); !ok || got != p {
				t.Errorf("ParsePolicy(%q) = %v, %t", word, got, ok)
			}
		})
	}
	if _, ok := ParsePolicy("Rename"); ok {
		t.Error("Rename is taken for rename")
	}
}

// Each policy is complete: it has a word, and what becomes of a loser. A new one is not taken for another by default.
func TestPoliciesAreComplete(t *testing.T) {
	for p, known := range policies {
		if known.word == "" || known.loser == 0 {
			t.Errorf("policy %d is %+v; want a word and a loser", p, known)
		}
	}
}

func TestPolicyTraits(t *testing.T) {
	for _, test := range []struct {
		policy                      Policy
		standard, renames, standsBy bool
	}{
		{Rename, true, true, false},
		{Fail, false, false, false},
		{Standby, false, false, true},
	} {
		t.Run(test.policy.String(), func(t *testing.T) {
			p := test.policy
			if p.IsDefault() != test.standard || p.Renames() != test.renames || p.StandsBy() != test.standsBy {
				t.Errorf("default %t, renames %t, stands by %t", p.IsDefault(), p.Renames(), p.StandsBy())
			}
		})
	}
}

// Only this package and the switch of the responder distinguish policies: what else depends on one asks its methods, so that a
// new one is never taken for another.
func TestPoliciesAreToldApartInTwoFiles(t *testing.T) {
	root := filepath.Join("..", "..")
	homes := []string{"internal/publication/policy.go", "internal/mdns/responder/policy.go"}
	names := append(declaredPolicies(t), "DefaultPolicy")
	found := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && path != root && strings.HasPrefix(entry.Name(), ".") {
			return filepath.SkipDir
		}
		if filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		files := token.NewFileSet()
		for _, at := range comparisons(parseFile(t, files, path), names) {
			rel, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			home := filepath.ToSlash(rel)
			found[home] = true
			if !slices.Contains(homes, home) {
				t.Errorf("%s compares a policy; want a method of publication.Policy", files.Position(at))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range homes {
		if !found[want] {
			t.Errorf("no policy is told apart in %s", want)
		}
	}
}

// comparisons returns where a file compares something with one of the policies, in an expression, a case or a table.
func comparisons(file *ast.File, names []string) []token.Pos {
	policy := func(e ast.Expr) bool {
		if selector, ok := e.(*ast.SelectorExpr); ok {
			pkg, ok := selector.X.(*ast.Ident)
			return ok && pkg.Name == "publication" && slices.Contains(names, selector.Sel.Name)
		}
		id, ok := e.(*ast.Ident)
		return ok && file.Name.Name == "publication" && slices.Contains(names, id.Name)
	}
	var at []token.Pos
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BinaryExpr:
			if policy(n.X) || policy(n.Y) {
				at = append(at, n.Pos())
			}
		case *ast.KeyValueExpr:
			if policy(n.Key) {
				at = append(at, n.Pos())
			}
		case *ast.CaseClause:
			if slices.ContainsFunc(n.List, policy) {
				at = append(at, n.Pos())
			}
		}
		return true
	})
	return at
}

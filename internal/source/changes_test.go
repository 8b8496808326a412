package source

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"announcer/internal/publication"
	"announcer/services"
)

func TestSince(t *testing.T) {
	group := func(id, name string, interfaces ...string) publication.Publication {
		return publication.Publication{ID: id, Group: services.Group{Name: name}, Interfaces: interfaces}
	}
	before := Snapshot{
		Publications: []publication.Publication{group("a", "A"), group("b", "B"), group("c", "C"), group("d", "D"), group("e", "E")},
		Refused:      []Refusal{{File: "x"}},
	}
	for _, test := range []struct {
		name  string
		after Snapshot
		want  Changes
	}{
		{"nothing", before, Changes{[]string{}, []string{}, []string{}, []string{"x"}}},
		{"all", Snapshot{}, Changes{[]string{}, []string{}, []string{"a", "b", "c", "d", "e"}, []string{}}},
		{"some of each", Snapshot{
			Publications: []publication.Publication{group("z", "Z"), group("a", "A2"), group("b", "B", "eth0"), group("d", "D"), group("f", "C")},
			Refused:      []Refusal{{File: "d"}, {File: "y"}},
		}, Changes{[]string{"z", "f"}, []string{"a", "b"}, []string{"c", "e"}, []string{"d", "y"}}},
		{"only the order", Snapshot{
			Publications: []publication.Publication{group("b", "B"), group("a", "A"), group("c", "C"), group("d", "D"), group("e", "E")},
		}, Changes{[]string{}, []string{}, []string{}, []string{}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, test.after.Since(before)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

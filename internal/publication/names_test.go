package publication

import (
	"slices"
	"strings"
	"testing"
)

func TestNames(t *testing.T) {
	ten := "x" + strings.Repeat(", x", 9)
	for _, test := range []struct {
		name string
		n    int
		want string
	}{
		{"none", 0, ""},
		{"one", 1, "x"},
		{"as many as are named", 10, ten},
		{"one more", 11, ten + " and 1 more"},
		{"as on a large host", 1500, ten + " and 1490 more"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := Names(slices.Repeat([]string{"x"}, test.n)); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

package health

import (
	"strings"
	"testing"
	"time"
)

// TestServer tells answers (+) and failures (-) to a server, and compares its state after each: p for pending, U for up,
// D for down.
func TestServer(t *testing.T) {
	set := Settings{Down: 3, Up: 2}
	for _, test := range []struct{ name, answers, want string }{
		{"up at once", "+", "U"},
		{"down after three failures", "---", "ppD"},
		{"one answer is enough as long as it was not down", "--+", "ppU"},
		{"two failures are forgiven", "+--+--+", "UUUUUUU"},
		{"three are not", "+---", "UUUD"},
		{"up after two answers", "+---++", "UUUDDU"},
		{"one answer is not enough", "+---+-++", "UUUDDDDU"},
		{"down stays down", "-------", "ppDDDDD"},
	} {
		s, got := server{state: Pending}, ""
		for _, a := range test.answers {
			why := ""
			if a == '-' {
				why = "gone"
			}
			s = s.after(why, time.Second, set)
			got += map[State]string{Pending: "p", Up: "U", Down: "D"}[s.state]
		}
		if got != test.want {
			t.Errorf("%s: %s is %s, want %s", test.name, test.answers, got, test.want)
		}
		if failed := strings.HasSuffix(test.answers, "-"); (s.why != "") != failed {
			t.Errorf("%s: the reason in the end is %q", test.name, s.why)
		}
	}
}

func TestStates(t *testing.T) {
	for _, test := range []struct {
		parts [][]State
		want  State
	}{
		{[][]State{{Up}}, Up},
		{[][]State{{Pending}}, Pending},
		{[][]State{{Down}}, Down},
		{[][]State{{Up, Down}}, Degraded},
		{[][]State{{Down, Pending, Up}}, Degraded},
		{[][]State{{Up, Pending}}, Up},
		{[][]State{{Down, Pending}}, Pending},
		{[][]State{{Down, Down}}, Down},
		{[][]State{{Up}, {Up, Down}}, Degraded},
		{[][]State{{Up, Down}, {Pending}}, Pending},
		{[][]State{{Pending}, {Down}, {Up}}, Down},
	} {
		var parts []State
		for _, servers := range test.parts {
			parts = append(parts, ofPart(servers))
		}
		if got := ofAll(parts); got != test.want {
			t.Errorf("%v: %s, want %s", test.parts, got, test.want)
		}
	}
	for s, announced := range map[State]bool{Up: true, Degraded: true, Pending: false, Down: false} {
		if s.Announced() != announced {
			t.Errorf("%s: announced %t", s, !announced)
		}
	}
}

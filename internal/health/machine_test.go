package health

import (
	"strings"
	"testing"
	"time"
)

// TestServer passes answers (+) and failures (-) to a server, and compares its state after each: p for pending, U for up,
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
		t.Run(test.name, func(t *testing.T) {
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
				t.Errorf("%s is %s, want %s", test.answers, got, test.want)
			}
			if failed := strings.HasSuffix(test.answers, "-"); (s.why != "") != failed {
				t.Errorf("the reason in the end is %q", s.why)
			}
		})
	}
}

func TestStates(t *testing.T) {
	for _, test := range []struct {
		name  string
		parts [][]State
		want  State
	}{
		{"one server is up", [][]State{{Up}}, Up},
		{"one server is pending", [][]State{{Pending}}, Pending},
		{"one server is down", [][]State{{Down}}, Down},
		{"one of two servers is up", [][]State{{Up, Down}}, Degraded},
		{"one of three servers is up", [][]State{{Down, Pending, Up}}, Degraded},
		{"none of two servers is down", [][]State{{Up, Pending}}, Up},
		{"none of two servers is up", [][]State{{Down, Pending}}, Pending},
		{"both servers are down", [][]State{{Down, Down}}, Down},
		{"one part is degraded", [][]State{{Up}, {Up, Down}}, Degraded},
		{"one part is pending", [][]State{{Up, Down}, {Pending}}, Pending},
		{"one part is down", [][]State{{Pending}, {Down}, {Up}}, Down},
	} {
		t.Run(test.name, func(t *testing.T) {
			var parts []State
			for _, servers := range test.parts {
				parts = append(parts, ofPart(servers))
			}
			if got := ofAll(parts); got != test.want {
				t.Errorf("%v: %s, want %s", test.parts, got, test.want)
			}
		})
	}
}

func TestAnnouncedStates(t *testing.T) {
	for s, announced := range map[State]bool{Up: true, Degraded: true, Pending: false, Down: false} {
		t.Run(s.String(), func(t *testing.T) {
			if s.Announced() != announced {
				t.Errorf("announced %t", !announced)
			}
		})
	}
}

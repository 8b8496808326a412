//go:build linux

package boot

import (
	"testing"
	"time"
)

func TestParseLoad(t *testing.T) {
	const stat = "cpu  100 200 300 4000 500 10 20 30 7 7\ncpu0 50 100 150 2000 250 5 10 15 0 0\ncpu1 50 100 150 2000 250 5 10 15 0 0\nintr 1\n"
	tests := []struct {
		name, stat string
		want       load
		fails      bool
	}{
		{"two processors", stat, load{processors: 2, all: 6600 * time.Millisecond}, false},
		{"empty", "", load{}, true},
		{"no processors", "cpu 1 2 3 4 5 6 7 8\n", load{all: 270 * time.Millisecond}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got, err := parseLoad(test.stat); got != test.want || (err != nil) != test.fails {
				t.Errorf("%+v, %v; want %+v", got, err, test.want)
			}
		})
	}
}

// TestOthers wants the time of other programs, shared by all processors.
func TestOthers(t *testing.T) {
	before := load{processors: 2, all: 100 * time.Second, own: 10 * time.Second}
	if got := (load{2, 160 * time.Second, 50 * time.Second}).others(before); got != 10*time.Second {
		t.Errorf("%v; want 10s", got)
	}
	if got := (load{2, 110 * time.Second, 30 * time.Second}).others(before); got != 0 {
		t.Errorf("%v with less than its own; want 0", got)
	}
}

package limit

import (
	"fmt"
	"testing"
	"time"
)

// TestLines has sources with lines in three windows of a minute: 3 lines of each, and 5 of all.
func TestLines(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name     string
		lines    []string // sources
		admitted int
		want     string // the excess after that window
	}{
		{"nothing", nil, 0, ""},
		{"as many as may be", []string{"a", "a", "a", "b", "b"}, 5, ""},
		{"too many of one", []string{"a", "a", "a", "a", "a", "b"}, 4, "2 more lines, most of them of a"},
		{"too many of all", []string{"a", "b", "c", "d", "e", "f", "g", "g"}, 5, "3 more lines, most of them of g"},
		{"as many of each", []string{"b", "b", "b", "a", "a", "a", "a", "b"}, 5, "3 more lines, most of them of a"},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := New(3, 5, time.Minute)
			for window := range 3 {
				now := start.Add(time.Duration(window) * time.Minute)
				admitted := 0
				for _, source := range test.lines {
					if l.Admit(source, now) {
						admitted++
					}
				}
				if admitted != test.admitted {
					t.Errorf("window %d: %d lines, want %d", window, admitted, test.admitted)
				}
				if e, any := l.Excess(now.Add(time.Minute - 1)); any {
					t.Errorf("window %d: %s, before its end", window, e)
				}
				got := ""
				if e, any := l.Excess(now.Add(time.Minute)); any {
					got = e.String()
				}
				if got != test.want {
					t.Errorf("window %d: %q, want %q", window, got, test.want)
				}
			}
			if e, any := l.Rest(); any {
				t.Errorf("at the end: %s", e)
			}
		})
	}
}

// TestManySources bounds what is kept, and counts all the same.
func TestManySources(t *testing.T) {
	l := New(3, 5, time.Minute)
	now := time.Now()
	const many = 10 * sourcesMost
	for i := range many {
		l.Admit(fmt.Sprint(i), now)
	}
	if len(l.sources) > sourcesMost {
		t.Errorf("%d sources are kept", len(l.sources))
	}
	if e, any := l.Rest(); !any || e.Lines != many-5 {
		t.Errorf("%+v, want %d lines", e, many-5)
	}
}

// TestLateExcess adds what several windows left out.
func TestLateExcess(t *testing.T) {
	l := New(1, 5, time.Minute)
	now := time.Now()
	for range 3 {
		l.Admit("a", now)
		l.Admit("a", now)
		now = now.Add(time.Hour)
	}
	if e, any := l.Excess(now); !any || e.Lines != 3 {
		t.Errorf("%+v, want 3 lines", e)
	}
}

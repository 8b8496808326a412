package responder

import (
	"slices"
	"testing"
	"time"

	"announcer/internal/publication"
)

// TestRepeat has a host withdraw a service, and say so again after packets were lost, unless another host has the name.
func TestRepeat(t *testing.T) {
	for _, c := range []struct {
		name  string
		after time.Duration
		taken bool
		want  []string
	}{
		{"at once", 500 * ms, false, deskRecords},
		{"after the last goodbye", 4 * time.Second, false, deskRecords},
		{"long after it", time.Minute, false, nil},
		{"another host has the name", 4 * time.Second, true, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t)
			h, other := l.host("pbx", dual()), l.host("other", ethernet("192.0.2.8/24", "fe80::8/64"))
			h.apply(sip("Desk", 5060), sip("Other", 5060))
			l.run(time.Minute)
			h.apply(sip("Other", 5060))
			l.run(c.after)
			if c.taken {
				other.apply(sip("Desk", 5060))
				l.run(3 * time.Second)
			}
			l.mark()
			before := h.Stats().Multicasts
			h.Repeat(l.time(), dual().Index, publication.V4)
			h.tick()
			l.run(inheritTime + 3*time.Second)
			if got := l.goodbyes(h, publication.V4); !slices.Equal(got, c.want) {
				t.Errorf("goodbyes: %q, want %q", got, c.want)
			}
			if n := h.Stats().Multicasts - before; n < probeCount+announcements {
				t.Errorf("%d packets; want %d probes and %d announcements of Other", n, probeCount, announcements)
			}
		})
	}
	t.Run("again and again", func(t *testing.T) {
		l, h := withdrawn(t)
		l.mark()
		for range 5 { // more often than there are goodbyes
			h.Repeat(l.time(), dual().Index, publication.V4)
			h.tick()
			l.run(inheritTime - time.Second)
		}
		if got := l.goodbyes(h, publication.V4); !slices.Equal(got, deskRecords) {
			t.Errorf("goodbyes: %q, want %q", got, deskRecords)
		}
	})
	t.Run("killed before the goodbye", func(t *testing.T) {
		l, h := withdrawn(t)
		h.SaidNews()
		h.Changed()
		h.Repeat(l.time(), dual().Index, publication.V4)
		left := h.AnnouncedOn(l.time(), h.Changed())
		if !h.SaidNews() || len(left) != 1 || len(left[0].Owed) != len(deskRecords) {
			t.Errorf("left to the next process: %v; want what is owed of Desk", left)
		}
	})
	t.Run("no such link", func(t *testing.T) {
		l := newLab(t)
		h := l.host("pbx", dual())
		h.Repeat(l.time(), 99, publication.V4)
	})
}

// withdrawn returns a host that has withdrawn Desk, and has said its last goodbye.
func withdrawn(t *testing.T) (*lab, *host) {
	l := newLab(t)
	h := l.host("pbx", dual())
	h.apply(sip("Desk", 5060), sip("Other", 5060))
	l.run(time.Minute)
	h.apply(sip("Other", 5060))
	l.run(4 * time.Second)
	return l, h
}

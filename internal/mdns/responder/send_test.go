package responder

import "testing"

// Room for a burst is kept while bursts are large, and given back after a small one.
func TestOutboxGivesRoomBack(t *testing.T) {
	for _, c := range []struct {
		name        string
		room, taken int
		kept        bool
	}{
		{"a small one", arenaMost, 100, true},
		{"a large burst", 8 * arenaMost, 7 * arenaMost, true},
		{"a packet after a large burst", 8 * arenaMost, 100, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := outbox{arena: make([]byte, c.taken, c.room), taken: true}
			o.empty()
			if kept := cap(o.arena) == c.room; kept != c.kept || len(o.arena) > 0 {
				t.Errorf("kept %t, %d bytes in it; want %t, none", kept, len(o.arena), c.kept)
			}
		})
	}
}

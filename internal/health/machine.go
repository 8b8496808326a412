package health

import "time"

// State is the state of a server, or of all that a publication needs.
type State uint8

// The states, the best first.
const (
	Up       State = iota // it answers
	Degraded              // some of it does not, and what does will do: firmware for one model is missing
	Pending               // it has not answered yet, nor failed for long enough to be called down
	Down                  // it does not answer
)

var stateWords = []string{"up", "degraded", "pending", "down"}

// String returns "up", "degraded", "pending" or "down".
func (s State) String() string { return stateWords[s] }

// MarshalText returns the word of [State.String].
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Announced reports whether what is in this state is to be announced.
func (s State) Announced() bool { return s <= Degraded }

// server is what is known of the server of a probe. Its state is [Up], [Pending] or [Down].
type server struct {
	state   State
	streak  int           // answers in a row that speak against the state
	why     string        // why it did not answer the last time; "" if it did
	latency time.Duration // of the last answer
}

// after returns what is known after one more answer or, where why is not "", none. A server is down after a number of
// failures in a row and up after a number of answers; one answer is enough for a server that has never been down.
func (s server) after(why string, latency time.Duration, set Settings) server {
	s.why = why
	if why == "" {
		s.latency = latency
	}
	limit, next := set.Up, Up
	if why != "" {
		limit, next = set.Down, Down
	}
	switch {
	case s.state == next:
		s.streak = 0
		return s
	case s.state == Pending && next == Up:
		limit = 1
	}
	if s.streak++; s.streak >= limit {
		s.state, s.streak = next, 0
	}
	return s
}

// ofPart returns the state of a part whose probes have these states. One server that is up will do.
func ofPart(servers []State) State {
	has := map[State]bool{}
	for _, s := range servers {
		has[s] = true
	}
	switch {
	case has[Up] && has[Down]:
		return Degraded
	case has[Up]:
		return Up
	case has[Pending]:
		return Pending
	}
	return Down
}

// ofAll returns the state of a publication whose parts have these states: the worst.
func ofAll(parts []State) State {
	worst := Up
	for _, s := range parts {
		worst = max(worst, s)
	}
	return worst
}

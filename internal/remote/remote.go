// Package remote gets definitions from servers, and keeps on disk what they said last.
//
// An [Origin] asks one server and reports what it says; it never reports an error as an empty set. A [Website] is one
// definition file behind a URL. The providers of package source are made of these.
package remote

import (
	"context"
	"fmt"
	"time"
)

// Origin is a server that holds definitions.
type Origin interface {
	fmt.Stringer // as it is printed: without what may be secret

	// Follow reports each answer of the server, and each failure to get one, until ctx is done. known is what the server
	// said last; its Time is zero if that is not known.
	Follow(ctx context.Context, known Set, report func(Report))

	// Warnings returns a sentence for each thing that is wrong with how the server is asked. It may read files.
	Warnings() []string
}

// Report is an answer of a server, or the lack of one.
type Report struct {
	// Set is a complete answer that differs from the one before; nil: nothing is new. Its Condition is to be cleared by the function
	// that takes the report if files of it can't be used: a copy that was damaged in transit can have the ETag of a good one.
	Set *Set
	Err error // why there is no answer, in a sentence; nothing is withdrawn because of it
}

// State describes how the server of a place answers.
type State struct {
	Connected bool      `json:"connected"`             // it answered the last time
	Since     time.Time `json:"since"`                 // since when it does, or does not
	Success   time.Time `json:"last_success,omitzero"` // the last answer, also one before a restart; zero: none is known
	Revision  string    `json:"revision,omitempty"`    // of the last answer
	Error     string    `json:"error,omitempty"`       // why it does not answer; "" with no connection: it is being asked
	Warnings  []string  `json:"warnings,omitempty"`    // what else is wrong, such as a cache that can't be written
}

// ahead is the least time that a moment is in the future because of a clock.
const ahead = time.Minute

// Future reports whether the last answer was in the future, as a clock leaves it that is or was wrong.
func (s State) Future(now time.Time) bool { return s.Success.Sub(now) > ahead }

// Kept returns what is in use if the server does not answer.
func (s State) Kept(now time.Time) string {
	text := fmt.Sprintf("what it defined on %s stays in use", s.Success.Local().Format(time.DateTime))
	if s.Future(now) {
		text += "; that is in the future, since the clock of this host is wrong or was wrong then"
	}
	return text
}

// Word returns the state in a word: "connected", "failing", or "asked" before the first answer.
func (s State) Word() string {
	switch {
	case s.Connected:
		return "connected"
	case s.Error != "":
		return "failing"
	}
	return "asked"
}

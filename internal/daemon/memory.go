package daemon

import (
	"time"

	"announcer/internal/config"
	"announcer/internal/diag"
	"announcer/internal/mdns"
	"announcer/internal/netwatch"
	"announcer/internal/phones"
	"announcer/internal/publication"
	"announcer/internal/source"
	"announcer/internal/status"
)

// recently is how long a failure of the engine counts as a problem: what lasts is told again and again.
const recently = time.Minute

// memory is what the loop remembers of what has happened.
type memory struct {
	started    time.Time
	spare      spare
	initial    config.Config // what the daemon was started with
	findings   diag.Findings // all that is wrong with the definitions
	together   diag.Findings // what of it is wrong only because of other definitions, the links or the engine
	desired    publication.Desired
	applied    publication.Desired // what of it answers
	assumed    string
	reading    netwatch.Reading // all links of this host
	unread     error            // why the links could not be read the last time
	unfollowed *source.Snapshot // what is defined now, if it could not be announced
	last       status.Reload
	askers     phones.Askers
	conflicts  map[string]status.Conflict // by definition; "" is the host
	failure    mdns.Event                 // of the engine, the last one
	others     others
	silence    silence
	table      lookUp // hardware addresses

	hub    hub
	limits limits
}

func newMemory() memory {
	now := time.Now()
	return memory{
		started: now, silence: silence{heard: now}, spare: newSpare(), table: unknownMAC, conflicts: map[string]status.Conflict{}, limits: limits{},
	}
}

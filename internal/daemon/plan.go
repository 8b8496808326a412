package daemon

import (
	"announcer/internal/config"
	"announcer/internal/diag"
	"announcer/internal/netwatch"
	"announcer/internal/publication"
)

// plan is what is to be announced, and where.
type plan struct {
	initial  config.Config    // what the daemon was started with
	reading  netwatch.Reading // all links of this host
	desired  publication.Desired
	applied  publication.Desired // what of it answers
	assumed  string              // a sentence about the choice of links, "" if they were named
	findings diag.Findings       // all that is wrong with the definitions
	together diag.Findings       // what of it is wrong only because of other definitions, the links or the engine
}

package daemon

import (
	"slices"
	"time"

	"announcer/internal/mdns"
	"announcer/internal/publication"
)

// silenceTime is the time without a packet from another host after which something is likely to be in its way.
const silenceTime = 10 * time.Minute

const silenceHint = "no other host was heard for 10 minutes; look for a firewall (UDP port 5353), IGMP snooping on the switch, or the wrong VLAN"

// silence is whether other hosts are heard.
type silence struct {
	lasts bool
	heard time.Time // when another host last was, or could first have been
}

// listen takes what the engine has heard, and reports whether there is silence now that was none before.
func (s *silence) listen(now time.Time, links []publication.Link, seen []mdns.LinkTraffic) (isNews bool) {
	for _, l := range seen {
		if l.Heard.After(s.heard) {
			s.heard = l.Heard
		}
	}
	if !slices.ContainsFunc(links, func(l publication.Link) bool { return !l.Loopback }) {
		s.heard = now // there is no host to be heard
	}
	was := s.lasts
	s.lasts = now.Sub(s.heard) >= silenceTime
	return s.lasts && !was
}

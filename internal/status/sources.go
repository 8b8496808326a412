package status

import (
	"fmt"
	"strconv"
	"time"

	"announcer/internal/remote"
	"announcer/internal/source"
)

// failingMost is how long the server of a place may give no definitions before that is a problem. That they are not known at all
// is one in any case.
const failingMost = 5 * time.Minute

// SourceProblems returns a sentence for each place whose server has given no definitions for long.
func SourceProblems(places []source.PlaceStatus, now time.Time) []string {
	var list []string
	for _, p := range places {
		s := p.Server
		if s == nil || s.Connected || s.Error == "" || s.Success.IsZero() || now.Sub(s.Since) < failingMost {
			continue
		}
		list = append(list, fmt.Sprintf("%s has given no definitions since %s: %s; %s", p.Name, date(s.Since), s.Error, s.Kept(now)))
	}
	return list
}

// sources writes a row for each place on a server.
func (p *page) sources(places []source.PlaceStatus) {
	var rows [][]string
	for _, place := range places {
		if s := place.Server; s != nil {
			rows = append(rows, []string{
				place.Name, s.Word(), p.ago(s.Since), p.answered(s), strconv.Itoa(place.Files), strconv.Itoa(place.Refused), orDash(s.Revision),
			})
		}
	}
	p.table("SOURCE STATE FOR LAST-ANSWER FILES REFUSED REVISION", rows)
}

// answered returns how long ago a server answered.
func (p *page) answered(s *remote.State) string {
	if s.Future(p.now) {
		return "in the future"
	}
	return p.ago(s.Success)
}

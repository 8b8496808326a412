package fleet

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"announcer/internal/mdns"
	"announcer/internal/phones"
	"announcer/internal/source"
	"announcer/internal/status"
)

// Presence is how a host stands, as it reports by itself. Nothing that is announced depends on it.
type Presence struct {
	Version  int       `json:"version"` // [status.Version]
	Site     string    `json:"site"`
	Host     string    `json:"host"`
	Daemon   Daemon    `json:"daemon"`
	Since    time.Time `json:"since"`    // since when it has reported without a gap
	Revision int64     `json:"revision"` // of the newest definitions of its site that it has taken
	Common   int64     `json:"common"`   // likewise, of those of all sites; 0: it takes none
	Settled  bool      `json:"settled"`  // nothing is being announced or checked for the first time
	Services Services  `json:"services"`
	Phones   int       `json:"phones"` // that asked in the last day
	Refused  []Refused `json:"refused"`
	Others   []Other   `json:"others"` // other servers for phones on its links
	Problems []string  `json:"problems"`
	Left     int       `json:"left_out"` // elements of the lists that there was no room for
}

// Daemon is the process that reports.
type Daemon struct {
	Version string    `json:"version"`
	Started time.Time `json:"started"`
}

// Services are those of all definitions of a host.
type Services struct {
	Defined   int      `json:"defined"`
	Announced int      `json:"announced"` // on one link or more
	Names     []string `json:"names"`     // of those that are announced
}

// Refused is a definition file that is not used because of an error.
type Refused struct {
	File  string    `json:"file"`
	Since time.Time `json:"since"`
	Good  time.Time `json:"good,omitzero"` // if an earlier version is used: when that was first read
	Why   string    `json:"why"`
}

// Other is a server for phones that is not this host's daemon.
type Other struct {
	Name string `json:"name"`
	Link string `json:"link"`
	From string `json:"from"`
	MAC  string `json:"mac,omitempty"`
}

// Limits of a presence.
const (
	presenceSize = 16 << 10 // bytes
	presenceList = 64       // elements of a list
	presenceText = 512      // bytes of a text
	day          = 24 * time.Hour
)

// NewPresence returns the presence of a host with a status, whose definitions of its site come from a place.
func NewPresence(site, host, place string, s status.Status) Presence {
	p := Presence{
		Version: status.Version, Site: site, Host: host, Daemon: Daemon{s.Daemon.Version, s.Daemon.Started}, Revision: taken(place, s), Common: taken(commonOf(place), s), Settled: s.Settled(),
		Services: Services{Defined: len(s.Services), Names: []string{}}, Phones: phonesOf(s), Refused: []Refused{}, Others: []Other{}, Problems: []string{},
	}
	for _, service := range s.Services {
		if slices.ContainsFunc(service.Links, func(l status.OnLink) bool { return l.State == mdns.Announced }) {
			p.Services.Announced++
			p.Services.Names = append(p.Services.Names, cut(service.Name))
		}
	}
	for _, r := range s.Files.Refusals {
		p.Refused = append(p.Refused, Refused{cut(r.File), r.Since, r.Good, cut(why(s, r))})
	}
	for _, f := range s.ForeignServers() {
		p.Others = append(p.Others, Other{cut(f.Name), f.Link, f.From.String(), f.MAC})
	}
	for _, problem := range s.Problems {
		p.Problems = append(p.Problems, cut(problem))
	}
	return p
}

// commonOf returns the place of the common definitions of the fleet that the place of a site is in.
func commonOf(place string) string {
	root, _, _ := strings.Cut(place, "/"+definitions+"/")
	return root + "/" + Common
}

// taken returns the revision of the definitions of a place, 0 if there are none yet.
func taken(place string, s status.Status) int64 {
	for _, p := range s.Sources {
		if p.Name == place && p.Server != nil {
			revision, _ := strconv.ParseInt(p.Server.Revision, 10, 64) // 0 if it is none
			return revision
		}
	}
	return 0
}

// phonesOf counts the hosts that asked for a server for phones in the last day. A phone with several addresses counts once
// if its hardware address is known.
func phonesOf(s status.Status) int {
	asked := map[string]bool{}
	for _, a := range s.Asked.Hosts {
		if a.Type.Equal(phones.ServiceType) && !a.Own && s.Time.Sub(a.Last) < day {
			asked[cmp.Or(a.MAC, a.Host.String())] = true
		}
	}
	return len(asked)
}

// why returns the first error of a file that is refused.
func why(s status.Status, r source.Refusal) string {
	for _, found := range s.Files.Findings.Errors() {
		if found.File == r.File {
			return found.String()
		}
	}
	return ""
}

// cut cuts off what is too long of a text.
func cut(text string) string {
	if len(text) <= presenceText {
		return text
	}
	return strings.ToValidUTF8(text[:presenceText], "") + "…"
}

// encode returns the presence as JSON. Of lists that are too long for it, it has the first elements.
func (p Presence) encode() []byte {
	for most := presenceList; ; most /= 2 {
		short := p.first(most)
		data, err := json.Marshal(short)
		if err != nil || len(data) <= presenceSize || most == 0 {
			return data // there is no error: all fields are of simple types
		}
	}
}

// first returns a presence with at most so many elements in each list.
func (p Presence) first(most int) Presence {
	p.Left = 0
	p.Services.Names = shorten(p.Services.Names, most, &p.Left)
	p.Refused = shorten(p.Refused, most, &p.Left)
	p.Others = shorten(p.Others, most, &p.Left)
	p.Problems = shorten(p.Problems, most, &p.Left)
	return p
}

// shorten returns the first elements of a list, and adds the number of the others to left.
func shorten[T any](list []T, most int, left *int) []T {
	n := min(most, len(list))
	*left += len(list) - n
	return list[:n]
}

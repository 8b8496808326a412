package diagnosis

import (
	"fmt"
	"net/netip"
	"time"

	"announcer/internal/diag"
	"announcer/internal/dnsname"
	"announcer/internal/publication"
)

// Defined is what was read of definitions.
type Defined struct {
	Files      int           // that were read
	Findings   diag.Findings // what is wrong with them
	Unreadable diag.Findings // what the user of the daemon's unit can't read
	Probes     []Probed
}

// Probed is a server that a definition names, and whether it answers.
type Probed struct {
	ID     string // of the definition
	Target string
	Why    string // it gives no answer; "" if it does
}

// Running is what the daemon of this host says, as far as it matters here. Its JSON is that of the daemon's status.
type Running struct {
	Why       string `json:"-"` // there is no answer; "" if there is
	Installed bool   `json:"-"` // its unit is there
	Denied    bool   `json:"-"` // this user may not ask it

	Time     time.Time `json:"time"`
	Problems []string  `json:"problems"`
	Hints    []string  `json:"hints"`
	Daemon   struct {
		PID     int       `json:"pid"`
		Started time.Time `json:"started"`
	} `json:"daemon"`
	Services []struct {
		File  string `json:"file"`
		Name  string `json:"name"`
		Links []struct {
			Link  string `json:"link"`
			State string `json:"state"`
		} `json:"links"`
	} `json:"services"`
	Sources []struct {
		Name string `json:"name"`
	} `json:"sources"`
	Asked struct {
		Hosts []struct {
			From netip.Addr `json:"from"`
			Link string     `json:"link"`
			Own  bool       `json:"own"`
		} `json:"hosts"`
	} `json:"asked"`
	Links []RunningLink `json:"links"`
}

// RunningLink is a link of a daemon's.
type RunningLink struct {
	Name    string    `json:"name"`
	Used    bool      `json:"used"`
	Lost    time.Time `json:"lost"`
	Traffic struct {
		Heard time.Time `json:"heard"`
	} `json:"traffic"`
}

// answers reports whether the daemon answered.
func (r Running) answers() bool { return r.Daemon.PID != 0 }

// announces reports whether the daemon announces a service of a name.
func (r Running) announces(name string) bool {
	for _, service := range r.Services {
		if dnsname.Fold(service.Name) == dnsname.Fold(name) {
			return true
		}
	}
	return false
}

// deafTime is how long a daemon may hear no host before that is worth a line.
const deafTime = 10 * time.Minute

// isDeaf reports whether the daemon has heard no other host on a link for a long time.
func (r Running) isDeaf(link string) bool {
	for _, l := range r.Links {
		if l.Name == link && l.Used {
			since := l.Traffic.Heard
			if r.Daemon.Started.After(since) {
				since = r.Daemon.Started
			}
			return r.Time.Sub(since) > deafTime
		}
	}
	return false
}

// used returns the names of the links that the daemon announces on, or did before they went away.
func (r Running) used() (list []string) {
	for _, l := range r.Links {
		if l.Used || !l.Lost.IsZero() {
			list = append(list, l.Name)
		}
	}
	return list
}

// daemon reports whether a daemon runs, and its problems.
func (s Sight) daemon() []Finding {
	if why, failed := s.Failed[lookDaemon]; failed {
		return []Finding{{Wrong, Daemon, "", why, "restart it: systemctl restart announcer"}}
	}
	d := s.Daemon
	switch {
	case d.Denied:
		return []Finding{{Unseen, Daemon, "", d.Why, ""}}
	case !d.answers() && d.Installed:
		return []Finding{{Wrong, Daemon, "", "nothing is announced: " + d.Why, "systemctl enable --now announcer, so that it also starts with the machine"}}
	case !d.answers():
		return []Finding{{Hint, Daemon, "", "nothing is announced by a daemon of this host: " + d.Why, ""}}
	}
	var all []Finding
	for _, problem := range d.Problems {
		all = append(all, Finding{Wrong, Daemon, "", problem, ""})
	}
	if all == nil {
		all = []Finding{{OK, Daemon, "", d.summary(), ""}}
	}
	for _, hint := range d.Hints {
		all = append(all, Finding{Hint, Daemon, "", hint, ""})
	}
	return all
}

// summary counts what the daemon announces.
func (r Running) summary() string {
	services, on := 0, []string{}
	seen := map[string]bool{}
	for _, service := range r.Services {
		announced := false
		for _, l := range service.Links {
			if l.State != "announced" {
				continue
			}
			announced = true
			if !seen[l.Link] {
				seen[l.Link] = true
				on = append(on, l.Link)
			}
		}
		if announced {
			services++
		}
	}
	if services == 0 {
		return fmt.Sprintf("process %d announces nothing", r.Daemon.PID)
	}
	return fmt.Sprintf("process %d announces %s on %s", r.Daemon.PID, count(services, "service"), publication.Names(on))
}

// definitions reports what is wrong with the definitions.
func (s Sight) definitions() []Finding {
	if why, failed := s.Failed[lookFiles]; failed {
		return []Finding{{Wrong, Definitions, "", why, "look at the file system or the server that they are on"}}
	}
	var all []Finding
	for _, f := range s.Defined.Findings.Problems() {
		all = append(all, Finding{Wrong, Definitions, "", f.String(), ""})
	}
	for _, f := range s.Defined.Unreadable {
		all = append(all, Finding{Wrong, Definitions, "", f.String(), ""})
	}
	if len(all) == 0 && len(s.Groups) == 0 {
		all = append(all, Finding{Hint, Definitions, "", "nothing is defined", "name a file or a directory of definitions: announcer doctor PATH"})
	}
	if all == nil {
		all = append(all, Finding{OK, Definitions, "", fmt.Sprintf("%s in %s", count(len(s.Groups), "definition"), count(s.Defined.Files, "file")), ""})
	}
	for _, f := range s.Defined.Findings {
		if f.Severity == diag.Warning {
			all = append(all, Finding{Hint, Definitions, "", f.String(), ""})
		}
	}
	return all
}

// answers reports which of the servers that definitions name give no answer.
func (s Sight) answers() []Finding {
	var all []Finding
	good := 0
	for _, p := range s.Defined.Probes {
		if p.Why == "" {
			good++
			continue
		}
		all = append(all, Finding{Wrong, Answers, "", fmt.Sprintf("%s of %s gives no answer: %s", p.Target, p.ID, p.Why), "start that server, or correct its address in the definition"})
	}
	if good > 0 {
		all = append(all, Finding{OK, Answers, "", count(good, "server") + " answered", ""})
	}
	if why, failed := s.Failed[lookAnswers]; failed {
		all = append(all, Finding{Unseen, Answers, "", why, ""})
	}
	return all
}

// count returns "1 file", "2 files".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

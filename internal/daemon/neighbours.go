package daemon

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/phones"
	"announcer/internal/source"
	"announcer/internal/status"
)

// silence is the time without a packet from anybody else after which something is likely to be in its way.
const silence = 10 * time.Minute

// meetEvery is the time after which the other programs of this host are looked for again.
const meetEvery = time.Minute

const silenceHint = "nobody else was heard for 10 minutes; look for a firewall (UDP port 5353), IGMP snooping on the switch, or the wrong VLAN"

// listen notices when nobody else is to be heard for long.
func (d *Daemon) listen() {
	o, ok := d.Publisher.(mdns.Observer)
	if !ok {
		return
	}
	now := time.Now()
	for _, l := range o.Observe().Links {
		if l.Heard.After(d.heard) {
			d.heard = l.Heard
		}
	}
	if !slices.ContainsFunc(d.desired.Links, func(l mdns.Link) bool { return !l.Loopback }) {
		d.heard = now // there is nobody to be heard
	}
	was := d.silent
	d.silent = now.Sub(d.heard) >= silence
	if d.silent && !was {
		d.Log.Warn(silenceHint)
	}
}

// meetAgain looks for other programs anew. The engine has to know where they are others.
func (d *Daemon) meetAgain(ctx context.Context) {
	before := d.sharers
	d.meetNeighbours()
	if slices.Equal(before, d.sharers) {
		return
	}
	if err := d.Publisher.Apply(ctx, d.applied); err != nil {
		d.Log.Error("the engine does not know who shares its port", "error", err)
		d.behind = err
	}
}

// meetNeighbours finds out which other programs of this host speak multicast DNS, and tells what is new about them.
func (d *Daemon) meetNeighbours() {
	var sharers []string
	if d.Sharers != nil {
		sharers = d.Sharers()
	}
	if len(sharers) > 0 && !slices.Equal(sharers, d.sharers) {
		d.Log.Info(sharedHint(sharers))
	}
	d.sharers, d.met = sharers, time.Now()
	twice := d.announcedTwice()
	for _, what := range twice {
		if !slices.Contains(d.twice, what) {
			d.Log.Warn(what)
		}
	}
	d.twice = twice
}

func sharedHint(sharers []string) string {
	return fmt.Sprintf("port 5353 is shared with %s: both answer for this host, and no unicast answers are asked for, which may go to the other",
		strings.Join(sharers, " and "))
}

// announcedTwice tells what Avahi announces, too: from its own folder or, where that is one of ours, all of it.
func (d *Daemon) announcedTwice() []string {
	if d.AvahiDir == "" || !slices.ContainsFunc(d.sharers, func(s string) bool { return strings.Contains(s, "avahi") }) {
		return nil
	}
	if i := slices.IndexFunc(d.Snapshot.Config.Services, d.isAvahis); i >= 0 {
		return []string{fmt.Sprintf("%s is Avahi's own folder, and Avahi runs: it announces the same; want avahi-daemon stopped, or the files in a folder of their own", d.Snapshot.Config.Services[i])}
	}
	theirs, err := source.New(source.Request{Services: []string{d.AvahiDir}}).Load()
	if err != nil {
		return nil
	}
	names := map[string]string{} // files by what they announce
	for _, p := range theirs.Publications {
		for _, full := range instances(p, theirs.Host) {
			names[full] = p.ID
		}
	}
	var twice []string
	for _, p := range d.desired.Groups {
		for _, full := range instances(p, d.desired.Host) {
			if file, ok := names[full]; ok {
				twice = append(twice, fmt.Sprintf("%s is announced by Avahi too, from %s; want one of the two files removed", p.ID, file))
				break
			}
		}
	}
	return twice
}

func (d *Daemon) isAvahis(dir string) bool {
	real, err := filepath.EvalSymlinks(dir)
	theirs, theirErr := filepath.EvalSymlinks(d.AvahiDir)
	return err == nil && theirErr == nil && real == theirs
}

// instances gives keys of what a publication announces: name and type.
func instances(p mdns.Publication, host string) []string {
	var all []string
	for _, s := range p.Group.Services {
		all = append(all, dnsname.Fold(p.Instance(host))+" "+s.Type.Key())
	}
	return all
}

// hints tells what may be wrong, or is worth knowing.
func (d *Daemon) hints(s *status.Status) {
	if d.assumed != "" {
		s.Hints = append(s.Hints, d.assumed)
	}
	s.Hints = append(s.Hints, d.definitionHints(s.Healthy)...)
	if d.silent {
		s.Hints = append(s.Hints, silenceHint)
	}
	s.Hints = append(s.Hints, d.twice...)
	if len(d.sharers) > 0 {
		s.Hints = append(s.Hints, sharedHint(d.sharers))
	}
	s.Hints = append(s.Hints, foreignHints(s)...)
	if _, ok := d.Publisher.(mdns.Observer); !ok {
		s.Hints = append(s.Hints, fmt.Sprintf("the engine %s does not tell who asks, and who else announces", s.Daemon.Engine))
	}
}

// foreignHintsMost is the number of other servers that are told of by name.
const foreignHintsMost = 3

// foreignHints tells where a phone finds more than one server, and what another program of this host announces as well.
func foreignHints(s *status.Status) []string {
	var hints []string
	servers := 0
	for _, f := range s.Foreign {
		ours := slices.ContainsFunc(s.Services, func(o status.Service) bool { return f.Type.Equal(o.Type) && f.Name == o.Name })
		switch {
		case f.Own && ours:
			hints = append(hints, fmt.Sprintf("another program of this host announces %q (%s) on %s as well", f.Name, f.Type, f.Link))
		case f.Type.Equal(phones.ServiceType):
			who := f.From.String()
			if f.Own {
				who = "another program of this host"
			}
			if servers++; servers <= foreignHintsMost {
				hints = append(hints, fmt.Sprintf("%q of %s is a server for phones on %s, too: phones that find two ask a person", f.Name, who, f.Link))
			}
		}
	}
	if more := servers - foreignHintsMost; more > 0 {
		hints = append(hints, fmt.Sprintf("and %d more servers for phones", more))
	}
	return hints
}

package daemon

import (
	"context"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/publication"
	"announcer/internal/source"
	"announcer/internal/status"
)

// silence is the time without a packet from anybody else after which something is likely to be in its way.
const silence = 10 * time.Minute

// The other programs of this host are looked for again after meetEvery, or after meetPause if the loop asks for it.
const (
	meetEvery = time.Minute
	meetPause = time.Second
)

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
	if !slices.ContainsFunc(d.desired.Links, func(l publication.Link) bool { return !l.Loopback }) {
		d.heard = now // there is nobody to be heard
	}
	was := d.silent
	d.silent = now.Sub(d.heard) >= silence
	if d.silent && !was {
		d.Log.Warn(silenceHint)
	}
}

// neighbours are the other programs of this host that speak multicast DNS.
type neighbours struct {
	sharers []string // of the port
	twice   []string // what Avahi announces too, each a sentence
}

// meetNeighbours looks for other programs every minute, and when the loop asks for it, until ctx is done. /proc and the
// files of Avahi may hang: a look that does is left behind at the end.
func (d *Daemon) meetNeighbours(ctx context.Context, ready func()) error {
	ready()
	every := time.NewTicker(meetEvery)
	defer every.Stop()
	for {
		var groups publication.Desired
		var dirs []string
		err := d.do(ctx, func() {
			groups, dirs = d.desired, d.Snapshot.Config.Services
			select {
			case <-d.meet: // what was asked for until now, this look finds
			default:
			}
		})
		if err != nil {
			return nil
		}
		found := make(chan neighbours, 1)
		go func() {
			sharers := d.Sharers()
			found <- neighbours{sharers, d.announcedTwice(ctx, sharers, groups, dirs)}
		}()
		if n, ok := d.patiently(ctx, found); ok {
			_ = d.do(ctx, func() { d.met(ctx, n) }) // an error means that the daemon ends
		}
		select {
		case <-time.After(meetPause):
		case <-ctx.Done():
			return nil
		}
		select {
		case <-every.C:
		case <-d.meet:
		case <-ctx.Done():
			return nil
		}
	}
}

// hangTime is how long a look for other programs may take before it is a problem.
const hangTime = 30 * time.Second

// patiently waits for what a look finds, until ctx is done. A look that hangs is a problem until it returns.
func (d *Daemon) patiently(ctx context.Context, found <-chan neighbours) (n neighbours, ok bool) {
	const what = "the search for other programs"
	patience := time.NewTimer(hangTime)
	defer patience.Stop()
	for {
		select {
		case n = <-found:
			d.trouble(ctx, what, "")
			return n, true
		case <-patience.C:
			since := time.Now().Add(-hangTime)
			d.trouble(ctx, what, what+" has not ended since "+since.Format(time.DateTime)+": /proc or the directory of Avahi does not answer")
		case <-ctx.Done():
			return n, false
		}
	}
}

// met takes what was found about other programs, and tells what is new. The engine has to know whether there are any.
func (d *Daemon) met(ctx context.Context, n neighbours) {
	before := d.neighbours
	d.neighbours = n
	for _, what := range n.twice {
		if !slices.Contains(before.twice, what) {
			d.Log.Warn(what)
		}
	}
	if slices.Equal(before.sharers, n.sharers) {
		return
	}
	if len(n.sharers) > 0 {
		d.Log.Info(sharedHint(n.sharers))
	}
	if err := d.Publisher.Apply(ctx, d.applied); err != nil {
		d.Log.Error("the engine does not know who shares its port", "error", err)
	}
}

// lookAround asks for a look for other programs soon.
func (d *Daemon) lookAround() {
	select {
	case d.meet <- struct{}{}:
	default:
	}
}

// isOurs reports whether an address is one of this host.
func (d *Daemon) isOurs(a netip.Addr) bool {
	return slices.ContainsFunc(d.reading.Links, func(l publication.Link) bool {
		return slices.ContainsFunc(l.Addrs, func(own publication.LinkAddr) bool { return own.Addr().WithZone("") == a })
	})
}

func sharedHint(sharers []string) string {
	return fmt.Sprintf("port 5353 is shared with %s: both answer for this host, and no unicast answers are asked for, which may go to the other",
		strings.Join(sharers, " and "))
}

// announcedTwice tells what Avahi announces, too: from its own folder or, where that is one of ours, all of it.
func (d *Daemon) announcedTwice(ctx context.Context, sharers []string, desired publication.Desired, dirs []string) []string {
	if d.Avahi == "" || !slices.ContainsFunc(sharers, func(s string) bool { return strings.Contains(s, "avahi") }) {
		return nil
	}
	if i := slices.IndexFunc(dirs, d.isAvahis); i >= 0 {
		return []string{fmt.Sprintf("%s is Avahi's own folder, and Avahi runs: it announces the same; want avahi-daemon stopped, or the files in a folder of their own", dirs[i])}
	}
	theirs, err := source.Load(ctx, source.Request{Services: []string{d.Avahi}})
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
	for _, p := range desired.Groups {
		for _, full := range instances(p, desired.Host) {
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
	theirs, theirErr := filepath.EvalSymlinks(d.Avahi)
	return err == nil && theirErr == nil && real == theirs
}

// instances gives keys of what a publication announces: name and type.
func instances(p publication.Publication, host string) []string {
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
	s.Hints = append(s.Hints, d.neighbours.twice...)
	if len(d.neighbours.sharers) > 0 {
		s.Hints = append(s.Hints, sharedHint(d.neighbours.sharers))
	}
	s.Hints = append(s.Hints, s.ForeignHints()...)
	if _, ok := d.Publisher.(mdns.Observer); !ok {
		s.Hints = append(s.Hints, fmt.Sprintf("the engine %s does not tell who asks, and who else announces", s.Daemon.Engine))
	}
}

package daemon

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"announcer/internal/dnsname"
	"announcer/internal/publication"
	"announcer/internal/source"
	"announcer/internal/wakeup"
)

// The other programs of this host are looked for again after meetEvery, after metEvery if there are some, which may end, or
// after meetPause if the loop asks for it. More frequent looks would report commands of this host that end after a moment.
const (
	meetEvery = 2 * wakeup.Beat
	metEvery  = 10 * time.Second
	meetPause = time.Second
)

// hangTime is how long a look for other programs may take before it is a problem.
const hangTime = 30 * time.Second

// neighbours is the task that looks for the other programs of this host that speak multicast DNS. /proc and the files of
// Avahi may hang: a look that does is left behind at the end.
type neighbours struct {
	sharers  func() []string // the programs that have port 5353 open
	avahi    string          // the directory of Avahi's service files; "": there is no Avahi
	troubles *troubles
	wanted   chan ours // asks for a look
	found    chan others
}

// ours is what this daemon announces, and the places that it is defined in.
type ours struct {
	desired publication.Desired
	places  []string
}

// others are the other programs of this host that speak multicast DNS.
type others struct {
	sharers []string // of the port
	twice   []string // what Avahi announces too, each a sentence
}

// lookAgain returns after which time other programs are looked for again.
func (o others) lookAgain() time.Duration {
	if len(o.sharers) > 0 {
		return metEvery
	}
	return meetEvery
}

func newNeighbours(sharers func() []string, avahi string, troubles *troubles) *neighbours {
	return &neighbours{sharers, avahi, troubles, make(chan ours, 1), make(chan others)}
}

// look asks for a look soon. Only one goroutine may ask.
func (n *neighbours) look(what ours) {
	select {
	case <-n.wanted:
	default:
	}
	n.wanted <- what
}

// run looks for other programs when it is asked to, every 50 seconds, and every ten seconds while there are some.
func (n *neighbours) run(ctx context.Context, ready func()) error {
	ready()
	var what ours
	var looked time.Time
	for every := meetEvery; ; {
		select {
		case what = <-n.wanted:
			what = n.settled(ctx, what, time.Until(looked.Add(meetPause)))
		case <-wakeup.After(every):
		case <-ctx.Done():
			return nil
		}
		found, ok := n.patiently(ctx, what)
		if !ok {
			return nil
		}
		select {
		case n.found <- found:
		case <-ctx.Done():
			return nil
		}
		looked, every = time.Now(), found.lookAgain()
	}
}

// settled returns the last of what is asked for within a pause.
func (n *neighbours) settled(ctx context.Context, what ours, pause time.Duration) ours {
	over := time.After(pause)
	for {
		select {
		case what = <-n.wanted:
		case <-over:
			return what
		case <-ctx.Done():
			return what
		}
	}
}

// patiently returns what a look finds, unless ctx is done before. A look that hangs is a problem until it returns.
func (n *neighbours) patiently(ctx context.Context, what ours) (o others, ok bool) {
	const name = "the search for other programs"
	found := make(chan others, 1)
	go func() {
		sharers := n.sharers()
		found <- others{sharers, n.announcedTwice(ctx, sharers, what)}
	}()
	patience := time.NewTimer(hangTime)
	defer patience.Stop()
	for {
		select {
		case o = <-found:
			n.troubles.set(name, "")
			return o, true
		case <-patience.C:
			since := time.Now().Add(-hangTime)
			n.troubles.set(name, name+" has not ended since "+since.Format(time.DateTime)+": /proc or the directory of Avahi does not answer")
		case <-ctx.Done():
			return o, false
		}
	}
}

func sharedHint(sharers []string) string {
	return fmt.Sprintf("port 5353 is shared with %s: both answer for this host, and no unicast answers are asked for, which may go to the other",
		strings.Join(sharers, " and "))
}

// announcedTwice returns what Avahi announces, too: from its own folder or, if that is one of ours, all of it.
func (n *neighbours) announcedTwice(ctx context.Context, sharers []string, what ours) []string {
	if n.avahi == "" || !slices.ContainsFunc(sharers, func(s string) bool { return strings.Contains(s, "avahi") }) {
		return nil
	}
	if i := slices.IndexFunc(what.places, n.isAvahis); i >= 0 {
		return []string{fmt.Sprintf("%s is Avahi's own folder, and Avahi runs: it announces the same; want avahi-daemon stopped, or the files in a folder of their own", what.places[i])}
	}
	theirs, err := source.Load(ctx, source.Request{Services: []string{n.avahi}})
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
	for _, p := range what.desired.Groups {
		for _, full := range instances(p, what.desired.Host) {
			if file, ok := names[full]; ok {
				twice = append(twice, fmt.Sprintf("%s is announced by Avahi too, from %s; want one of the two files removed", p.ID, file))
				break
			}
		}
	}
	return twice
}

func (n *neighbours) isAvahis(dir string) bool {
	real, err := filepath.EvalSymlinks(dir)
	theirs, theirErr := filepath.EvalSymlinks(n.avahi)
	return err == nil && theirErr == nil && real == theirs
}

// instances returns keys of what a publication announces: name and type.
func instances(p publication.Publication, host string) []string {
	var all []string
	for _, s := range p.Group.Services {
		all = append(all, dnsname.Fold(p.Instance(host))+" "+s.Type.Key())
	}
	return all
}

package responder

import (
	"fmt"
	"maps"
	"net/netip"
	"time"

	"announcer/internal/mdns"
	"announcer/internal/publication"
	"announcer/services"
)

// planDelay is the time in which conflicts are gathered before names are given again.
const planDelay = 20 * time.Millisecond

// renaming is a name that was given up for another.
type renaming struct {
	wanted, label string
	round         uint32 // the plan that was in force
	why           string
	rival         netip.Addr
	watch         *watch // of the wanted name, to have it back
}

// A service or host has no name when conflicts have changed it for longer than rowTime, with pauses no longer than rowPause:
// with a conflict when the name is announced, and the waits after many conflicts, a rival that takes each name does so every 11 s.
const (
	rowTime  = 15 * time.Second
	rowPause = 12 * time.Second
)

// row is a row of names that other hosts have taken, one after the other.
type row struct {
	first, last moment // conflicts
	loss        loss   // of the last name
}

// names has the names of the host and of the publications: those that are wanted, or what conflicts have made of them.
type names struct {
	*clock
	faces   *faces
	watches *watches
	board   *board
	desired publication.Desired
	planned bool                 // something was applied
	host    string               // label
	renamed map[string]*renaming // by publication; "" is the host
	rows    map[string]*row      // the same, also while the wanted name is tried again
	round   uint32               // counts plans
	planAt  moment               // when to plan again because of a conflict
}

// adopt takes over what is desired.
func (n *names) adopt(d publication.Desired) {
	if !n.planned || d.Host != n.desired.Host || n.lostHere("") {
		n.host = d.Host
		n.forget("")
	}
	n.planned, n.desired = true, d
	n.forgetUnwanted()
}

// settle begins a plan, and returns the services under the names that they are to have.
func (n *names) settle() (publication.Desired, []mdns.Instance) {
	n.planAt = forever
	n.round++
	desired := n.desired
	desired.Host = n.host
	return desired, mdns.Settle(desired, n.labels())
}

// labels returns the names that publications have instead of those that they want.
func (n *names) labels() map[string]string {
	labels := make(map[string]string, len(n.renamed))
	for id, move := range n.renamed {
		if id != "" {
			labels[id] = move.label
		}
	}
	return labels
}

// rename assigns all services of the publications that want a name the next one.
func (n *names) rename(f *face, c *claim, rival netip.Addr, why string) {
	for _, s := range c.slots {
		id := s.instance.ID
		if m := n.renamed[id]; m != nil && m.round == n.round {
			continue // done already, for another service of the group or on another link
		}
		n.move(id, s.instance.Wanted, services.NextName(s.instance.Label), f.link, c, rival, why)
		n.board.event(mdns.ServiceConflict, s.status(), rival, fmt.Sprintf("%s; trying %q", why, n.renamed[id].label))
	}
}

// renameHost assigns the host the next name; the SRV records follow.
func (n *names) renameHost(f *face, c *claim, rival netip.Addr, why string) {
	if !c.plan.name.Equal(mdns.HostName(n.host)) {
		return // renamed already, because of another link
	}
	n.move("", n.desired.Host, services.NextHost(n.host), f.link, c, rival, why)
	n.host = n.renamed[""].label
	n.hostEvent(mdns.ServiceConflict, f, rival, fmt.Sprintf("%s; the host is now %q", why, mdns.HostName(n.host)))
	n.forgetUnwanted()
}

func (n *names) hostEvent(kind mdns.EventKind, f *face, rival netip.Addr, detail string) {
	host := mdns.ServiceStatus{Name: mdns.HostName(n.host).String(), Link: f.link.Name}
	n.board.event(kind, host, rival, detail)
}

// move notes a new name, and watches the wanted one to have it back.
func (n *names) move(id, wanted, label string, l *link, c *claim, rival netip.Addr, why string) {
	m := n.renamed[id]
	if m == nil {
		m = &renaming{wanted: wanted}
		n.renamed[id] = m
		m.watch = n.watchWanted(id, l, c, rival)
	}
	m.label, m.round, m.why, m.rival = label, n.round, why, rival
	n.extend(id, rival, why)
	n.planAt = min(n.planAt, n.now+planDelay)
}

// extend notes a conflict that has changed a name.
func (n *names) extend(id string, rival netip.Addr, why string) {
	if n.lately(id) == nil {
		n.rows[id] = &row{first: n.now}
	}
	r := n.rows[id]
	r.last, r.loss = n.now, loss{rival, "every name that is tried is taken: " + why}
}

// lately returns the row of names of a publication, or "" the host, that may go on; nil if there is none.
func (n *names) lately(id string) *row {
	if r := n.rows[id]; r != nil && n.now-r.last <= rowPause {
		return r
	}
	return nil
}

// nameless returns why a publication, or "" the host, gets no name; nil if it may get one.
func (n *names) nameless(id string) *loss {
	if r := n.lately(id); r != nil && r.last-r.first >= rowTime {
		return &r.loss
	}
	return nil
}

// watchWanted waits for a name that was given up, so that it can be regained.
func (n *names) watchWanted(id string, l *link, c *claim, rival netip.Addr) *watch {
	return n.watches.add(&watch{
		link: l, name: c.plan.name, key: c.node.key, kind: mdns.TypeANY, rival: rival,
		interval: wantedInterval, longest: wantedInterval, earliest: n.now + wantedAfter,
		over: func() {
			delete(n.renamed, id)
			if id == "" {
				n.host = n.desired.Host
				n.forgetUnwanted()
			}
			n.planAt = n.now
		},
	})
}

// forget goes back to the name that a publication wants.
func (n *names) forget(id string) {
	if m := n.renamed[id]; m != nil {
		n.watches.drop(m.watch)
		delete(n.renamed, id)
		delete(n.rows, id)
	}
}

// forgetUnwanted goes back to the wanted name for the publications that are gone, want another one now, are no longer to be
// renamed, or have lost theirs to another program of this host, which is no rival.
func (n *names) forgetUnwanted() {
	wanted := map[string]string{"": n.desired.Host}
	for _, p := range n.desired.Groups {
		if p.OnConflict.Renames() {
			wanted[p.ID] = p.Instance(n.host)
		}
	}
	for id, m := range n.renamed {
		if wanted[id] != m.wanted || n.lostHere(id) {
			n.forget(id)
		}
	}
	maps.DeleteFunc(n.rows, func(id string, _ *row) bool { _, ok := wanted[id]; return !ok })
}

// lostHere reports whether a publication, or "" the host, has lost its name to another program of this host.
func (n *names) lostHere(id string) bool {
	m := n.renamed[id]
	if m == nil {
		return false
	}
	v := publication.V6
	if m.rival.Is4() {
		v = publication.V4
	}
	f := n.faces.byLink[faceKey{m.watch.link.Index, v}]
	return f != nil && f.fromHere(m.rival)
}

package responder

import (
	"fmt"
	"net/netip"
	"time"

	"announcer/internal/mdns"
	"announcer/internal/publication"
	"announcer/services"
)

// planDelay is the time in which conflicts are gathered before names are given anew.
const planDelay = 20 * time.Millisecond

// renaming is a name that was given up for another.
type renaming struct {
	wanted, label string
	round         uint32 // the plan that was in force
	why           string
	rival         netip.Addr
	watch         *watch // of the wanted name, to have it back
}

// labels gives the names that publications have instead of those that they want.
func (r *Responder) labels() map[string]string {
	labels := make(map[string]string, len(r.renamed))
	for id, move := range r.renamed {
		if id != "" {
			labels[id] = move.label
		}
	}
	return labels
}

// rename gives all services of the publications that want a name the next one.
func (r *Responder) rename(f *face, c *claim, rival netip.Addr, why string) {
	for _, s := range c.slots {
		id := s.status.ID
		if m := r.renamed[id]; m != nil && m.round == r.planRound {
			continue // done already, for another service of the group or on another link
		}
		r.move(id, s.instance.Wanted, services.NextName(s.instance.Label), f.link, c, rival, why)
		r.board.event(mdns.ServiceConflict, s, rival, fmt.Sprintf("%s; trying %q", why, r.renamed[id].label))
	}
}

// renameHost gives the host the next name; the SRV records follow.
func (r *Responder) renameHost(f *face, c *claim, rival netip.Addr, why string) {
	if !c.node.name.Equal(mdns.HostName(r.host)) {
		return // renamed already, because of another link
	}
	r.move("", r.desired.Host, services.NextHost(r.host), f.link, c, rival, why)
	r.host = r.renamed[""].label
	r.hostEvent(mdns.ServiceConflict, f, rival, fmt.Sprintf("%s; the host is now %q", why, mdns.HostName(r.host)))
	r.forgetRenames()
}

func (r *Responder) hostEvent(kind mdns.EventKind, f *face, rival netip.Addr, detail string) {
	s := slot{status: mdns.ServiceStatus{Name: mdns.HostName(r.host).String(), Link: f.link.Name}}
	r.board.event(kind, &s, rival, detail)
}

// move notes a new name, and watches the wanted one to have it back.
func (r *Responder) move(id, wanted, label string, l *link, c *claim, rival netip.Addr, why string) {
	m := r.renamed[id]
	if m == nil {
		m = &renaming{wanted: wanted}
		r.renamed[id] = m
		m.watch = r.watchWanted(id, l, c, rival)
	}
	m.label, m.round, m.why, m.rival = label, r.planRound, why, rival
	r.planAt = min(r.planAt, r.now+planDelay)
}

// forgetRename goes back to the name that a publication wants.
func (r *Responder) forgetRename(id string) {
	if m := r.renamed[id]; m != nil {
		r.watches.drop(m.watch)
		delete(r.renamed, id)
	}
}

// forgetRenames goes back to the wanted name for the publications that are gone, want another one now, are no longer to be
// renamed, or have lost theirs to another program of this host, which is no rival.
func (r *Responder) forgetRenames() {
	wanted := map[string]string{"": r.desired.Host}
	for _, p := range r.desired.Groups {
		if p.OnConflict.Renames() {
			wanted[p.ID] = p.Instance(r.host)
		}
	}
	for id, m := range r.renamed {
		if wanted[id] != m.wanted || r.lostHere(id) {
			r.forgetRename(id)
		}
	}
}

// lostHere reports whether a publication, or "" the host, has lost its name to another program of this host.
func (r *Responder) lostHere(id string) bool {
	m := r.renamed[id]
	if m == nil {
		return false
	}
	v := publication.V6
	if m.rival.Is4() {
		v = publication.V4
	}
	f := r.faces.byLink[faceKey{m.watch.link.Index, v}]
	return f != nil && f.fromHere(m.rival)
}

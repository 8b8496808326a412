//go:build linux

package world

import (
	"math/rand/v2"
	"slices"
	"syscall"
	"time"

	"announcer/internal/mdns/link"
	"announcer/internal/publication"
)

// jam is why a host can't send packets, or has no socket for them.
type jam struct {
	why     error
	segment int                   // of those that can't be sent; -1: all
	version publication.IPVersion // likewise; 0: both
	passes  int                   // packets of a batch that are sent nevertheless
	lacks   string                // what the socket is, without which none are received either; "": it is well
	told    bool                  // that it is being reopened
}

// momentMost is the longest time for which sending fails for a moment.
const momentMost = 20 * time.Second

// sendErrors are what the system says where a packet can't be sent.
var sendErrors = []syscall.Errno{
	syscall.ENOBUFS, syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.EPERM, syscall.EINTR, syscall.EAGAIN, syscall.ENOMEM, syscall.ENETDOWN, syscall.EACCES,
}

// drawJam returns a reason for which some packets can't be sent.
func drawJam(w *World, dice *rand.Rand) *jam {
	j := &jam{why: sendErrors[dice.IntN(len(sendErrors))], segment: -1}
	if dice.IntN(2) == 0 {
		j.segment = dice.IntN(len(w.segments))
	}
	if dice.IntN(2) == 0 {
		j.version = publication.IPVersions()[dice.IntN(2)]
	}
	return j
}

// hits reports whether a packet of an interface can't be sent.
func (j *jam) hits(n *nic, v publication.IPVersion) bool {
	return j != nil && j.passes == 0 && (j.segment < 0 || j.segment == n.segment.number) && (j.version == 0 || j.version == v)
}

// closes reports whether nothing can be sent on an interface.
func (j *jam) closes(n *nic) bool {
	for _, v := range publication.IPVersions() {
		if n.port.Link().Has(v) && !j.hits(n, v) {
			return false
		}
	}
	return true
}

// meets reports whether two hosts can hear each other on a segment.
func (h *host) meets(other *host, s *segment) bool {
	own, its := h.reaches(s), other.reaches(s)
	for _, v := range publication.IPVersions() {
		if own != nil && its != nil && own.port.Link().Has(v) && its.port.Link().Has(v) && !h.jam.hits(own, v) && !other.jam.hits(its, v) {
			return true
		}
	}
	return false
}

// allMeet reports whether a host can hear all others on a segment, and be heard by them.
func (w *World) allMeet(h *host, s *segment) bool {
	return !slices.ContainsFunc(w.hosts, func(other *host) bool { return !h.meets(other, s) })
}

// hinders reports whether something can't be sent on an interface that works.
func (j *jam) hinders(n *nic) bool {
	if !n.works() {
		return false
	}
	for _, v := range publication.IPVersions() {
		if n.port.Link().Has(v) && j.hits(n, v) {
			return true
		}
	}
	return false
}

// refuses returns why a packet of a batch is not sent, nil if it is.
func (j *jam) refuses(h *host, at int, p *link.Packet) error {
	switch n := h.kernel.byIndex(p.Link); {
	case j == nil, j.lacks == unjoined:
		return nil
	case (j.lacks == unopened || j.lacks == reopened) && n != nil && j.hits(n, p.Version()):
		return link.ErrNoSocket
	case j.passes > 0 && at >= j.passes, n != nil && j.hits(n, p.Version()):
		return j.why
	}
	return nil
}

// supposeJam sets what is not sent, without anything else.
func (h *host) supposeJam(j *jam) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.jam = j
}

// endJam has packets be sent again. The problem that sending failed, which lasts for a while, has the error.
func (h *host) endJam() {
	if h.jam != nil {
		h.truth.over[h.jam.why.Error()] = time.Now()
	}
	h.supposeJam(nil)
}

// setJam has packets not be sent, or sent again.
func (h *host) setJam(j *jam) {
	h.endJam()
	h.supposeJam(j)
	h.feel()
	h.showPort()
}

// toggleJam has packets not be sent for a reason, or be sent again if there is one.
func (h *host) toggleJam(j *jam) {
	if h.jam != nil {
		j = nil
	}
	h.setJam(j)
}

// hiccup has some packets not be sent for a moment, in which definitions change.
func (h *host) hiccup(w *World, dice *rand.Rand) {
	if h.jam != nil {
		return
	}
	j, most := drawJam(w, dice), momentMost>>dice.IntN(5)
	switch dice.IntN(4) {
	case 0:
		j = &jam{why: syscall.EAGAIN, passes: 1}
	case 1:
		j, most = &jam{why: receiveErrors[dice.IntN(len(receiveErrors))], segment: -1, version: j.version, lacks: reopened}, reopenMost
	}
	h.setJam(j)
	lasts := time.Duration(dice.Int64N(int64(most)))
	for range dice.IntN(4) {
		part := time.Duration(dice.Int64N(int64(lasts)))
		w.rest(part)
		lasts -= part
		if file := drawFile(dice); dice.IntN(2) == 0 {
			h.save(file, h.draw(dice, file), dice)
		} else {
			h.delete(file)
		}
	}
	w.rest(lasts)
	h.setJam(nil)
}

package responder

import (
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"time"

	"announcer/internal/mdns"
	"announcer/internal/mdns/wire"
)

// SaidTime is how long what this host itself said is not taken for a rival's, even if another host sends it back: a reflector, another link of this
// host, a slow access point. It counts from the last time; what it says now, on any link, is no rival either.
const SaidTime = 2 * time.Minute

// saidMost is the most records of the past that are remembered.
const saidMost = 1 << 14

// A Sum stands for a record: for its name, type and data.
type Sum uint64

// Said is a record that this host said, and how much longer it is no rival.
type Said struct {
	Sum  Sum
	Left time.Duration
}

// past remembers what this host said and says no more.
type past struct {
	*clock
	news  *news
	until map[Sum]moment
	swept moment // when it was last full, and what is over was forgotten
}

// sumOf returns the sum of a record, whose name is given by its key. Names in the data are folded.
func sumOf(key string, data mdns.Data) Sum {
	text := binary.BigEndian.AppendUint16(append([]byte(key), 0), uint16(data.Type()))
	switch d := data.(type) {
	case mdns.PTR:
		text = append(text, d.Target.Key()...)
	case mdns.SRV:
		text = binary.BigEndian.AppendUint16(text, d.Priority)
		text = binary.BigEndian.AppendUint16(text, d.Weight)
		text = binary.BigEndian.AppendUint16(text, d.Port)
		text = append(text, d.Target.Key()...)
	default:
		text = append(text, plainData(data)...)
	}
	sum := sha256.Sum256(text)
	return Sum(binary.BigEndian.Uint64(sum[:]))
}

// add remembers a record that is said no more, until a time.
func (p *past) add(s Sum, until moment) {
	if len(p.until) >= saidMost && p.now-p.swept >= time.Second {
		p.swept = p.now
		maps.DeleteFunc(p.until, func(_ Sum, at moment) bool { return at <= p.now })
	}
	if len(p.until) < saidMost {
		p.until[s] = max(until, p.until[s])
	}
}

// remember remembers the records of sets that are said no more.
func (p *past) remember(sets ...*set) {
	p.news.fresh = p.news.fresh || len(sets) > 0
	for _, s := range sets {
		for i := range s.records {
			p.add(sumOf(s.node.key, s.records[i].Data), p.now+SaidTime)
		}
	}
}

// says reports whether a claim has said its records: proposed or announced them.
func (c *claim) says() bool { return c.live || c.phase == parked || c.asking() }

// echo reports whether this host said a record itself in the last two minutes, on any link.
func (r *Responder) echo(in *wire.Reader, rec wire.Resource) bool {
	return r.faces.say(in, rec) || r.past.said(in, rec)
}

// said reports whether this host said a record in the last two minutes that it says no more, on any link.
func (p *past) said(in *wire.Reader, rec wire.Resource) bool {
	if len(p.until) == 0 {
		return false
	}
	data, ok := in.Value(rec)
	return ok && p.until[sumOf(string(rec.Key), data)] > p.now
}

// holds reports whether a record is one of the claim's.
func (c *claim) holds(in *wire.Reader, rec wire.Resource) bool {
	for _, s := range c.sets {
		if s.holds(in, rec) {
			return true
		}
	}
	return false
}

// Said returns what this host said in the last two minutes and says no more, for [Responder.Recall] after a restart.
func (r *Responder) Said(now time.Time) []Said {
	r.clock.advance(now)
	var all []Said
	for sum, until := range r.past.until {
		if until > r.now {
			all = append(all, Said{sum, until - r.now})
		}
	}
	return all
}

// Recall takes what this host said before it was restarted.
func (r *Responder) Recall(now time.Time, said []Said) {
	r.begin(now)
	for _, s := range said {
		r.past.add(s.Sum, r.now+s.Left)
	}
}

//go:build linux

package world

import (
	"math/rand/v2"
	"slices"
	"time"

	"announcer/internal/mdns"
	"announcer/internal/mdns/link"
	"announcer/internal/mdns/wire"
)

// The age of the oldest packets and records that are repeated: after two minutes they are those of a rival.
const (
	echoTime   = time.Minute
	recordTime = 110 * time.Second
)

// packet is what was said at a time.
type packet struct {
	at   time.Time
	data []byte
}

// keepSaid is the most packets that a segment remembers for strangers to repeat.
const keepSaid = 50

// touch notes that the network may differ for a while.
func (w *World) touch() {
	for _, h := range w.hosts {
		h.truth.touch()
	}
}

// garble has a stranger send packets that are none, or cut, and questions without an end.
func (w *World) garble(dice *rand.Rand) {
	s := w.segments[dice.IntN(len(w.segments))]
	for range 200 {
		data := make([]byte, dice.IntN(600))
		for i := range data {
			data[i] = byte(dice.Uint32())
		}
		if len(s.said) > 0 && dice.IntN(2) == 0 {
			said := s.said[len(s.said)-1].data
			data = slices.Clone(said[:dice.IntN(len(said))])
		}
		s.say(data)
		w.rest(time.Duration(dice.Int64N(int64(100 * time.Millisecond))))
	}
	w.touch()
}

// flood has a stranger ask the same question again and again.
func (w *World) flood(dice *rand.Rand) {
	s := w.segments[dice.IntN(len(w.segments))]
	for range 500 {
		s.ask()
		w.rest(10 * time.Millisecond)
	}
}

// echo has a stranger repeat what was said, as faulty access points do.
func (w *World) echo(dice *rand.Rand) {
	s := w.segments[dice.IntN(len(w.segments))]
	for _, p := range slices.Clone(s.said) {
		if time.Since(p.at) < echoTime {
			w.rest(time.Duration(dice.Int64N(int64(time.Second))))
			s.say(p.data)
		}
	}
	w.touch()
}

// repeatRecords has a stranger repeat records that hosts have said, each alone or with others, with another TTL and as what it is not:
// shared or unique. What is older than two minutes is repeated if no host says other things by that name.
func (w *World) repeatRecords(dice *rand.Rand) {
	s := w.segments[dice.IntN(len(w.segments))]
	records := s.stale()
	ttls := []uint32{0, 1, 120, 4500}
	for range min(len(records), 10) {
		m := wire.Message{Header: wire.Header{Flags: wire.FlagResponse | wire.FlagAuthority}}
		for range 1 + dice.IntN(3) {
			r := records[dice.IntN(len(records))]
			r.Unique = dice.IntN(2) == 0
			if dice.IntN(2) == 0 {
				r.TTL = ttls[dice.IntN(len(ttls))]
			}
			m.Answers = append(m.Answers, r)
		}
		if data, ok := m.Encode(mdns.MaxMessage); ok {
			s.say(data)
		}
		w.rest(time.Duration(dice.Int64N(int64(3 * time.Second))))
	}
	w.touch()
}

// stale returns the records that hosts have said on a segment and that no rival would say.
func (s *segment) stale() (records []mdns.Record) {
	for _, p := range s.said {
		m, err := wire.Decode(p.data)
		if err != nil {
			continue
		}
		for _, r := range slices.Concat(m.Answers, m.Additional) {
			if time.Since(p.at) < recordTime || s.cache.holds(r) {
				records = append(records, r)
			}
		}
	}
	return records
}

// say has the stranger of a segment send a packet to all.
func (s *segment) say(data []byte) {
	_ = s.stranger.Send(link.Packet{Data: data, Link: 2, To: mdns.Group4})
}

// remember keeps a packet for strangers.
func (s *segment) remember(at time.Time, data []byte) {
	s.said = append(s.said, packet{at, data})
	if len(s.said) > keepSaid {
		s.said = s.said[1:]
	}
}

package wire

import (
	"encoding/binary"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
)

// Builder writes one message after another, each with its names compressed. What it adds comes in the
// order of the sections: questions, answers, authority, additional. One Builder serves any number of messages and
// allocates nothing for them; it holds about 2 kB.
type Builder struct {
	// WholeTargets leaves the target of SRV records uncompressed, as a reply to a legacy query must have it
	// (RFC 6762 §18.14).
	WholeTargets bool

	buf    []byte
	start  int // of the message in buf
	limit  int // most bytes of the message
	counts [4]uint16
	names  [nameSlots]uint16 // offsets of names in the message, by the hash of the name; 0: free
	used   int
}

const (
	nameSlots  = 512 // a power of two
	nameMost   = nameSlots * 3 / 4
	maxPointer = 0x3FFF
	maxLabels  = (dnsname.MaxName - 1) / 2
)

// Start begins a message of at most limit bytes behind what buf already holds.
func (b *Builder) Start(buf []byte, limit int, id, flags uint16) {
	b.buf, b.start, b.limit = buf, len(buf), limit
	b.counts, b.names, b.used = [4]uint16{}, [nameSlots]uint16{}, 0
	b.buf = binary.BigEndian.AppendUint16(b.buf, id)
	b.buf = binary.BigEndian.AppendUint16(b.buf, flags)
	b.buf = append(b.buf, make([]byte, 8)...)
}

// Len returns the size of the message so far.
func (b *Builder) Len() int { return len(b.buf) - b.start }

// Empty reports whether nothing was added.
func (b *Builder) Empty() bool { return b.Len() == HeaderSize }

// Mark is a state of a Builder to go back to.
type Mark struct {
	size   int
	counts [4]uint16
}

// Mark notes what is written so far.
func (b *Builder) Mark() Mark { return Mark{len(b.buf), b.counts} }

// Rewind removes what was added since the mark.
func (b *Builder) Rewind(m Mark) { b.buf, b.counts = b.buf[:m.size], m.counts }

// Finish returns buf with the message behind it.
func (b *Builder) Finish() []byte {
	for i, n := range b.counts {
		binary.BigEndian.PutUint16(b.buf[b.start+4+2*i:], n)
	}
	return b.buf
}

// Question adds a question of class IN. It says false, and adds nothing, where that would not fit.
func (b *Builder) Question(name dnsname.Name, t mdns.Type, qu bool) bool {
	mark := len(b.buf)
	b.name(name.Wire(), true)
	b.uint16(uint16(t))
	b.uint16(class(qu))
	return b.fits(mark, 0)
}

// Questions adds n questions as [Reader.QuestionBytes] gave them, before anything else. It says false, and adds
// nothing, where they would not fit.
func (b *Builder) Questions(raw []byte, n uint16) bool {
	mark := len(b.buf)
	b.buf = append(b.buf, raw...)
	if !b.fits(mark, 0) {
		return false
	}
	b.counts[0] = n
	return true
}

// Record adds a record with the given TTL, in seconds, and the cache-flush bit where flush says so. It says false,
// and adds nothing, where that would not fit.
func (b *Builder) Record(section Section, r *mdns.Record, ttl uint32, flush bool) bool {
	mark := len(b.buf)
	b.name(r.Name.Wire(), true)
	b.uint16(uint16(r.Data.Type()))
	b.uint16(class(flush))
	b.buf = binary.BigEndian.AppendUint32(b.buf, ttl)
	b.uint16(0)
	at := len(b.buf)
	b.data(r.Data)
	if len(b.buf)-at > 0xFFFF {
		b.buf = b.buf[:mark]
		return false
	}
	binary.BigEndian.PutUint16(b.buf[at-2:], uint16(len(b.buf)-at))
	return b.fits(mark, section)
}

func class(top bool) uint16 {
	if top {
		return ClassIN | topBit
	}
	return ClassIN
}

func (b *Builder) uint16(v uint16) { b.buf = binary.BigEndian.AppendUint16(b.buf, v) }

// fits counts what was added behind mark, or takes it back.
func (b *Builder) fits(mark int, section Section) bool {
	if b.Len() > b.limit || b.counts[section] == 0xFFFF {
		b.buf = b.buf[:mark]
		return false
	}
	b.counts[section]++
	return true
}

func (b *Builder) data(data mdns.Data) {
	switch d := data.(type) {
	case mdns.PTR:
		b.name(d.Target.Wire(), true)
	case mdns.SRV:
		b.uint16(d.Priority)
		b.uint16(d.Weight)
		b.uint16(d.Port)
		b.name(d.Target.Wire(), !b.WholeTargets)
	case mdns.TXT:
		b.buf = append(b.buf, d.Wire()...)
	case mdns.Address:
		if d.Is4() {
			a := d.As4()
			b.buf = append(b.buf, a[:]...)
		} else {
			a := d.As16()
			b.buf = append(b.buf, a[:]...)
		}
	case mdns.NSEC:
		b.name(d.Next.Wire(), true)
		if bits := d.Bitmap(); bits != "" {
			b.buf = append(b.buf, 0, byte(len(bits)))
			b.buf = append(b.buf, bits...)
		}
	case mdns.Raw:
		b.buf = append(b.buf, d.Bytes...)
	}
}

// name writes a name: the labels that no earlier name ends in, then a pointer to where the rest stands. Names are
// shared only where the case is the same, since the case that the user wrote is kept (RFC 6762 §16).
func (b *Builder) name(wire string, compress bool) {
	var starts [maxLabels]uint8
	var hashes [maxLabels]uint32
	labels := 0
	for i := 0; i < len(wire) && wire[i] != 0; i += 1 + int(wire[i]) {
		starts[labels] = uint8(i)
		labels++
	}
	hash, end := uint32(2166136261), len(wire)
	for k := labels - 1; k >= 0; k-- { // FNV-1a, from the last label to the first
		for _, c := range []byte(wire[starts[k]:end]) {
			hash = (hash ^ uint32(c)) * 16777619
		}
		hashes[k], end = hash, int(starts[k])
	}
	for k := range labels {
		rest := wire[starts[k]:]
		if compress {
			if at := b.find(hashes[k], rest); at > 0 {
				b.uint16(0xC000 | at)
				return
			}
		}
		b.remember(hashes[k], rest)
		b.buf = append(b.buf, rest[:1+rest[0]]...)
	}
	b.buf = append(b.buf, 0)
}

// find returns the offset of a name in the message, 0 if there is none.
func (b *Builder) find(hash uint32, wire string) uint16 {
	for i := hash % nameSlots; b.names[i] != 0; i = (i + 1) % nameSlots {
		if b.holds(int(b.names[i]), wire) {
			return b.names[i]
		}
	}
	return 0
}

// remember notes that a name is about to be written.
func (b *Builder) remember(hash uint32, wire string) {
	at := b.Len()
	if at > maxPointer || b.used == nameMost {
		return
	}
	i := hash % nameSlots
	for b.names[i] != 0 {
		i = (i + 1) % nameSlots
	}
	b.names[i] = uint16(at)
	b.used++
}

// holds reports whether the name wire stands at an offset of the message. What was taken back may have left an offset
// that now leads elsewhere, so it relies on nothing but the bytes.
func (b *Builder) holds(at int, wire string) bool {
	msg := b.buf[b.start:]
	for hops := 0; at < len(msg) && hops < maxLabels; {
		size := int(msg[at])
		switch {
		case size >= 0xC0:
			if at+1 >= len(msg) {
				return false
			}
			to := size&0x3F<<8 | int(msg[at+1])
			if to >= at {
				return false
			}
			at = to
			hops++
		case size == 0:
			return wire == "\x00"
		case size > dnsname.MaxLabel || at+1+size > len(msg) || size >= len(wire) || string(msg[at:at+1+size]) != wire[:1+size]:
			return false
		default:
			at, wire = at+1+size, wire[1+size:]
		}
	}
	return false
}

// Limit changes the most bytes that the message may have.
func (b *Builder) Limit(most int) { b.limit = most }

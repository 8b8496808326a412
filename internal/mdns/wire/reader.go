// Package wire reads and writes multicast DNS messages (RFC 1035 §4, RFC 6762 §18).
//
// A [Reader] walks a packet in place and allocates nothing, so that an unrelated packet costs very
// little. A [Builder] writes one, with names compressed wherever a receiver must support that (RFC 6762
// §18.14). [Decode] turns a packet into values. No input makes any of them panic, loop or allocate more than a small
// multiple of the packet's size.
package wire

import (
	"bytes"
	"encoding/binary"
	"errors"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
)

// HeaderSize is the size of a message's header in bytes.
const HeaderSize = 12

// Bits of the second word of the header (RFC 6762 §18.2 to §18.11).
const (
	FlagResponse  = 0x8000
	FlagAuthority = 0x0400
	FlagTruncated = 0x0200
	maskOpcode    = 0x7800
	maskRcode     = 0x000F
)

// Classes (RFC 1035 §3.2.4) and the bit that multicast DNS puts in front of them: QU in a question (RFC 6762 §5.4),
// cache-flush in a record (§10.2).
const (
	ClassIN  = 1
	ClassANY = 255
	topBit   = 0x8000
)

// Section is a part of a message.
type Section uint8

// The sections that hold records.
const (
	Answer Section = iota + 1
	Authority
	Additional
)

// ErrMalformed reports that a packet is not a DNS message.
var ErrMalformed = errors.New("the packet is not a DNS message")

// Header is the fixed start of a message.
type Header struct {
	ID     uint16
	Flags  uint16
	Counts [4]uint16 // questions, answers, authority and additional records
}

// Response reports whether the message is a response.
func (h Header) Response() bool { return h.Flags&FlagResponse != 0 }

// Truncated reports whether more messages with known answers follow (RFC 6762 §7.2).
func (h Header) Truncated() bool { return h.Flags&FlagTruncated != 0 }

// Ordinary reports whether opcode and rcode are 0; other messages are ignored (RFC 6762 §18.3, §18.11).
func (h Header) Ordinary() bool { return h.Flags&(maskOpcode|maskRcode) == 0 }

// Question is a question in a packet.
type Question struct {
	Key   []byte // the name, uncompressed and folded as in [dnsname.Name.Key]; valid until the next read
	Type  mdns.Type
	Class uint16
	QU    bool // the querier takes a unicast answer (RFC 6762 §5.4)
}

// Resource is a record in a packet.
type Resource struct {
	Section Section
	Key     []byte // the name, uncompressed and folded as in [dnsname.Name.Key]; valid until the next read
	Type    mdns.Type
	Class   uint16
	Flush   bool   // RFC 6762 §10.2
	TTL     uint32 // seconds
	Data    []byte // in the form of the packet, names in it maybe compressed

	nameAt, dataAt int
}

// Reader walks the questions, then the records of a packet. The zero Reader is ready for [Reader.Reset]; one Reader
// serves any number of packets.
type Reader struct {
	Header
	msg  []byte
	at   int
	left [4]uint16
	bad  bool
	key  [dnsname.MaxName]byte
	data [dnsname.MaxName]byte
}

// Reset starts on a packet. It reports ErrMalformed if there is no whole header.
func (r *Reader) Reset(packet []byte) error {
	if len(packet) < HeaderSize {
		return ErrMalformed
	}
	r.ID = binary.BigEndian.Uint16(packet)
	r.Flags = binary.BigEndian.Uint16(packet[2:])
	for i := range r.Counts {
		r.Counts[i] = binary.BigEndian.Uint16(packet[4+2*i:])
	}
	r.msg, r.at, r.left, r.bad = packet, HeaderSize, r.Counts, false
	return nil
}

// Err reports ErrMalformed once a question or record was met that is not whole.
func (r *Reader) Err() error {
	if r.bad {
		return ErrMalformed
	}
	return nil
}

// Question returns the next question; ok is false behind the last one and behind a malformed one.
func (r *Reader) Question() (q Question, ok bool) {
	if r.left[0] == 0 || r.bad {
		return q, false
	}
	n, next, ok := unpack(&r.key, r.msg, r.at, true)
	if !ok || len(r.msg)-next < 4 {
		r.bad = true
		return q, false
	}
	class := binary.BigEndian.Uint16(r.msg[next+2:])
	q = Question{
		Key:   r.key[:n],
		Type:  mdns.Type(binary.BigEndian.Uint16(r.msg[next:])),
		Class: class &^ topBit,
		QU:    class&topBit != 0,
	}
	r.left[0]--
	r.at = next + 4
	return q, true
}

// Resource returns the next record, after the questions; ok is false behind the last one and behind a malformed one.
func (r *Reader) Resource() (rec Resource, ok bool) {
	for r.left[0] > 0 {
		if _, ok := r.Question(); !ok {
			return rec, false
		}
	}
	section := Answer
	for section <= Additional && r.left[section] == 0 {
		section++
	}
	if section > Additional || r.bad {
		return rec, false
	}
	n, next, ok := unpack(&r.key, r.msg, r.at, true)
	if !ok || len(r.msg)-next < 10 {
		r.bad = true
		return rec, false
	}
	fixed := r.msg[next:]
	start := next + 10
	size := int(binary.BigEndian.Uint16(fixed[8:]))
	if len(r.msg)-start < size {
		r.bad = true
		return rec, false
	}
	class := binary.BigEndian.Uint16(fixed[2:])
	rec = Resource{
		Section: section,
		Key:     r.key[:n],
		Type:    mdns.Type(binary.BigEndian.Uint16(fixed)),
		Class:   class &^ topBit,
		Flush:   class&topBit != 0,
		TTL:     binary.BigEndian.Uint32(fixed[4:]),
		Data:    r.msg[start : start+size : start+size],
		nameAt:  r.at,
		dataAt:  start,
	}
	r.left[section]--
	r.at = start + size
	return rec, true
}

// QuestionBytes returns the question section in the form of the packet, once all questions are read; a reply to a
// legacy query repeats it (RFC 6762 §6.7). Pointers in it lead backwards, so it can stand behind another header.
func (r *Reader) QuestionBytes() []byte { return r.msg[HeaderSize:r.at] }

// targetAt returns where in the data of a type a name stands.
func targetAt(t mdns.Type) (offset int, ok bool) {
	switch t {
	case mdns.TypePTR, mdns.TypeNSEC:
		return 0, true
	case mdns.TypeSRV:
		return 6, true
	}
	return 0, false
}

// Target returns the name that PTR, SRV or NSEC data holds, uncompressed and folded, valid until the next call of
// Target; nil for other types and where the data is malformed.
func (r *Reader) Target(rec Resource) []byte {
	offset, ok := targetAt(rec.Type)
	if !ok || offset > len(rec.Data) {
		return nil
	}
	n, next, ok := unpack(&r.data, r.msg, rec.dataAt+offset, true)
	if !ok || next > rec.dataAt+len(rec.Data) {
		return nil
	}
	return r.data[:n]
}

// AppendData appends the data of a record with the names in it uncompressed, as a comparison of probes needs it
// (RFC 6762 §8.2). The case of names is kept. Malformed data is appended unchanged.
func (r *Reader) AppendData(dst []byte, rec Resource) []byte {
	offset, ok := targetAt(rec.Type)
	if !ok || offset > len(rec.Data) {
		return append(dst, rec.Data...)
	}
	end := rec.dataAt + len(rec.Data)
	n, next, ok := unpack(&r.data, r.msg, rec.dataAt+offset, false)
	if !ok || next > end {
		return append(dst, rec.Data...)
	}
	dst = append(dst, rec.Data[:offset]...)
	dst = append(dst, r.data[:n]...)
	return append(dst, r.msg[next:end]...)
}

// Is reports whether a record in the packet has the given data; names are compared without regard to ASCII case.
func (r *Reader) Is(rec Resource, data mdns.Data) bool {
	if rec.Type != data.Type() {
		return false
	}
	switch d := data.(type) {
	case mdns.PTR:
		return foldedEqual(r.Target(rec), d.Target.Wire())
	case mdns.SRV:
		return len(rec.Data) > 6 && binary.BigEndian.Uint16(rec.Data) == d.Priority &&
			binary.BigEndian.Uint16(rec.Data[2:]) == d.Weight && binary.BigEndian.Uint16(rec.Data[4:]) == d.Port &&
			foldedEqual(r.Target(rec), d.Target.Wire())
	case mdns.TXT:
		return string(rec.Data) == d.Wire() || len(rec.Data) == 0 && d.Wire() == "\x00" // RFC 6763 §6.1
	case mdns.Address:
		if d.Is4() {
			a := d.As4()
			return string(rec.Data) == string(a[:])
		}
		a := d.As16()
		return string(rec.Data) == string(a[:])
	case mdns.NSEC:
		bitmap, ok := r.bitmap(rec)
		return ok && string(bitmap) == d.Bitmap() && foldedEqual(r.Target(rec), d.Next.Wire())
	case mdns.Raw:
		return string(rec.Data) == d.Bytes
	}
	return false
}

// bitmap returns the types of window 0 of NSEC data (RFC 4034 §4.1.2), without zero bytes at the end.
func (r *Reader) bitmap(rec Resource) (bits []byte, ok bool) {
	_, next, ok := unpack(&r.data, r.msg, rec.dataAt, false)
	end := rec.dataAt + len(rec.Data)
	switch {
	case !ok || next > end:
		return nil, false
	case next == end:
		return nil, true
	case end-next < 2 || r.msg[next] != 0 || int(r.msg[next+1]) > min(32, end-next-2):
		return nil, false
	}
	return bytes.TrimRight(r.msg[next+2:next+2+int(r.msg[next+1])], "\x00"), true
}

// foldedEqual compares a folded name with one that need not be.
func foldedEqual(folded []byte, wire string) bool {
	if len(folded) != len(wire) {
		return false
	}
	for i, b := range folded {
		if b != lower[wire[i]] {
			return false
		}
	}
	return true
}

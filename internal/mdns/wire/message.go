package wire

import (
	"encoding/binary"
	"net/netip"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
)

// Message is a whole message as values.
type Message struct {
	Header
	Questions  []Query
	Answers    []mdns.Record
	Authority  []mdns.Record
	Additional []mdns.Record
}

// Query is a question as a value.
type Query struct {
	Name  dnsname.Name
	Type  mdns.Type
	Class uint16
	QU    bool
}

// Decode reads a whole packet. It reports ErrMalformed where the packet is not a message; records of a class other
// than IN, and records whose data does not have the form of its type, are left out.
func Decode(packet []byte) (Message, error) {
	var r Reader
	if err := r.Reset(packet); err != nil {
		return Message{}, err
	}
	m := Message{Header: r.Header}
	for at := r.at; ; at = r.at {
		q, ok := r.Question()
		if !ok {
			break
		}
		m.Questions = append(m.Questions, Query{r.nameAt(at), q.Type, q.Class, q.QU})
	}
	for {
		rec, ok := r.Resource()
		if !ok {
			break
		}
		data, ok := r.Value(rec)
		if !ok || rec.Class != ClassIN {
			continue
		}
		section := m.section(rec.Section)
		*section = append(*section, mdns.Record{Name: r.nameAt(rec.nameAt), TTL: rec.TTL, Unique: rec.Flush, Data: data})
	}
	return m, r.Err()
}

func (m *Message) section(s Section) *[]mdns.Record {
	switch s {
	case Answer:
		return &m.Answers
	case Authority:
		return &m.Authority
	}
	return &m.Additional
}

// Encode writes the message, names compressed, or reports false if it takes more than limit bytes. Questions are
// of class IN.
func (m Message) Encode(limit int) ([]byte, bool) {
	var b Builder
	b.Start(nil, limit, m.ID, m.Flags)
	ok := true
	for _, q := range m.Questions {
		ok = ok && b.Question(q.Name, q.Type, q.QU)
	}
	for section, records := range [][]mdns.Record{m.Answers, m.Authority, m.Additional} {
		for i := range records {
			r := &records[i]
			ok = ok && b.Record(Answer+Section(section), r, r.TTL, r.Unique)
		}
	}
	return b.Finish(), ok
}

// Name returns the name of a record that was just read, in the case of the packet.
func (r *Reader) Name(rec Resource) dnsname.Name { return r.nameAt(rec.nameAt) }

// nameAt returns the name at an offset; the zero Name if there is none.
func (r *Reader) nameAt(at int) dnsname.Name {
	n, _, ok := unpack(&r.data, r.msg, at, false)
	if !ok {
		return dnsname.Name{}
	}
	name, _ := dnsname.FromWire(string(r.data[:n]))
	return name
}

// Value returns the data of a record. It reports false if the data does not have the form of its type.
func (r *Reader) Value(rec Resource) (data mdns.Data, ok bool) {
	switch rec.Type {
	case mdns.TypePTR:
		target, ok := r.nameIn(rec, 0)
		return mdns.PTR{Target: target}, ok
	case mdns.TypeSRV:
		target, ok := r.nameIn(rec, 6)
		if !ok {
			return nil, false
		}
		return mdns.SRV{
			Priority: binary.BigEndian.Uint16(rec.Data),
			Weight:   binary.BigEndian.Uint16(rec.Data[2:]),
			Port:     binary.BigEndian.Uint16(rec.Data[4:]),
			Target:   target,
		}, true
	case mdns.TypeTXT:
		return first(mdns.TXTFromWire(string(rec.Data)))
	case mdns.TypeA, mdns.TypeAAAA:
		a, ok := netip.AddrFromSlice(rec.Data)
		return mdns.Address{Addr: a}, ok && a.Is4() == (rec.Type == mdns.TypeA)
	case mdns.TypeNSEC:
		bits, ok := r.bitmap(rec)
		return mdns.NSECFromWire(r.nameAt(rec.dataAt), string(bits)), ok
	}
	return mdns.Raw{RRType: rec.Type, Bytes: string(rec.Data)}, true
}

func first(t mdns.TXT, ok bool) (mdns.Data, bool) { return t, ok }

// nameIn returns the name that the data of a record ends in, after the given number of bytes.
func (r *Reader) nameIn(rec Resource, offset int) (name dnsname.Name, ok bool) {
	if len(rec.Data) < offset {
		return dnsname.Name{}, false
	}
	_, next, ok := unpack(&r.data, r.msg, rec.dataAt+offset, false)
	if !ok || next != rec.dataAt+len(rec.Data) {
		return dnsname.Name{}, false
	}
	return r.nameAt(rec.dataAt + offset), true
}

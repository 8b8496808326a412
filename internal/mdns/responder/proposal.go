package responder

import (
	"bytes"
	"slices"

	"announcer/internal/mdns"
	"announcer/internal/mdns/wire"
)

// proposal is a record of a probe, in the form in which probes are compared.
type proposal struct {
	class uint16
	kind  mdns.Type
	data  []byte
}

func (p proposal) compare(other proposal) int {
	if p.class != other.class {
		return int(p.class) - int(other.class)
	}
	if p.kind != other.kind {
		return int(p.kind) - int(other.kind)
	}
	return bytes.Compare(p.data, other.data)
}

// proposalsOf returns records that a probe of ours proposed as proposals, sorted.
func proposalsOf(records []*mdns.Record) []proposal {
	var list []proposal
	for _, record := range records {
		list = append(list, proposal{wire.ClassIN, record.Data.Type(), plainData(record.Data)})
	}
	slices.SortFunc(list, proposal.compare)
	return list
}

// proposals returns what the probe in a packet proposes for a name, sorted. echo reports that this host said all of it
// itself.
func (r *Responder) proposals(p Packet, key string) (list []proposal, echo bool) {
	var in wire.Reader
	if in.Reset(p.Data) != nil {
		return nil, false
	}
	echo = true
	for rec, ok := in.Resource(); ok; rec, ok = in.Resource() {
		if rec.Section == wire.Authority && string(rec.Key) == key {
			echo = echo && r.echo(&in, rec)
			list = append(list, proposal{rec.Class, rec.Type, in.AppendData(nil, rec)})
		}
	}
	slices.SortFunc(list, proposal.compare)
	return list, echo
}

// plainData returns data in the form of a packet, its name uncompressed.
func plainData(data mdns.Data) []byte {
	switch d := data.(type) {
	case mdns.PTR:
		return []byte(d.Target.Wire())
	case mdns.SRV:
		head := []byte{byte(d.Priority >> 8), byte(d.Priority), byte(d.Weight >> 8), byte(d.Weight), byte(d.Port >> 8), byte(d.Port)}
		return append(head, d.Target.Wire()...)
	case mdns.TXT:
		return []byte(d.Wire())
	case mdns.Address:
		return d.AsSlice()
	}
	return nil
}

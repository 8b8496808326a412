//go:build linux

package world

import (
	"maps"
	"slices"
	"time"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/mdns/wire"
)

// Names under which neighbours ask (RFC 6763 §4.1, §7.1, §9).
var (
	typeName    = dnsname.MustParse(serviceType + ".local")
	subtypeName = dnsname.MustParse(subtype + ".local")
	metaName    = dnsname.MustParse("_services._dns-sd._udp.local")
)

// zone returns the records that a host must have on a segment, as RFC 6763 wants them.
func (h *host) zone(s *segment) (records []mdns.Record) {
	services := h.announces(s)
	if len(services) == 0 {
		return nil
	}
	own := mdns.HostName(h.name)
	shared := func(name, target dnsname.Name) {
		records = append(records, mdns.Record{Name: name, TTL: mdns.OtherTTL, Data: mdns.PTR{Target: target}})
	}
	unique := func(name dnsname.Name, ttl uint32, data mdns.Data) {
		records = append(records, mdns.Record{Name: name, TTL: ttl, Unique: true, Data: data})
	}
	shared(metaName, typeName)
	for _, name := range slices.Sorted(maps.Keys(services)) {
		known := services[name]
		instance, err := typeName.Child(s.label(own, name))
		if err != nil {
			continue
		}
		shared(typeName, instance)
		shared(subtypeName, instance)
		unique(instance, mdns.HostTTL, mdns.SRV{Port: uint16(known.port), Target: own})
		unique(instance, mdns.OtherTTL, mdns.NewTXT(known.strings()...))
	}
	for _, a := range h.reaches(s).published() {
		unique(own, mdns.HostTTL, mdns.Address{Addr: a})
		unique(mdns.ReverseName(a), mdns.HostTTL, mdns.PTR{Target: own})
	}
	return records
}

// label returns the name that a service of a host has on a segment, as neighbours last heard it: hosts rename what others have,
// without a goodbye to the name that these now have (RFC 6762 §9).
func (s *segment) label(own dnsname.Name, wanted string) string {
	label, heard := wanted, time.Time{}
	for _, r := range s.cache.records {
		name, ok := instanceOf(r.Record)
		srv, isSRV := r.Data.(mdns.SRV)
		if ok && isSRV && srv.Target.Equal(own) && baseName(name) == wanted && r.heard.After(heard) {
			label, heard = name, r.heard
		}
	}
	return label
}

// asks reports whether a question asks for a record (RFC 6762 §6).
func asks(q wire.Query, r mdns.Record) bool {
	return q.Name.Equal(r.Name) && (q.Type == r.Data.Type() || q.Type == mdns.TypeANY)
}

// fact is what a record says, whatever its TTL.
func fact(r mdns.Record) string {
	return r.Name.Key() + " " + r.Data.Type().String() + " " + r.Data.String()
}

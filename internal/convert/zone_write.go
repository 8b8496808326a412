package convert

import (
	"fmt"
	"strings"

	"announcer/internal/diag"
	"announcer/internal/mdns"
	"announcer/services"
)

// encodeZone writes the records that are multicast for the definitions, except those of this host itself.
func encodeZone(defs []Definition, host string) ([]File, diag.Findings) {
	w := zoneWriter{host: host, seen: map[mdns.Record]bool{}}
	instances := settle(defs, host)
	for _, d := range defs {
		w.policies(d, "a zone file", "")
		if d.Group.Wildcards && strings.Contains(d.Group.Name, "%h") {
			w.warnf(d, "name", "a zone file can't express %%h; the name is written for the host %s, %q", host, d.Group.Instance(host))
		}
		for range d.Group.Services {
			w.instance(d, instances[0])
			instances = instances[1:]
		}
	}
	return []File{{name(defs) + ".zone", []byte(w.text.String())}}, w.findings
}

type zoneWriter struct {
	report
	text strings.Builder
	host string
	seen map[mdns.Record]bool
}

func (w *zoneWriter) instance(d Definition, in mdns.Instance) {
	element := in.Service.Type.String()
	if in.Name().IsZero() {
		w.errorf(d, element, "the full name of %q is too long", in.Label)
		return
	}
	if in.Label != in.Wanted {
		w.warnf(d, element, "%s; it is written as %q", in.Why, in.Label)
	}
	if protocol := d.Group.Services[in.Index].Protocol; protocol != services.AnyProtocol {
		w.warnf(d, element, "a zone file can't express protocol %s; the records are for IPv4 and IPv6", protocol)
	}
	if w.text.Len() > 0 {
		w.text.WriteByte('\n')
	}
	for _, record := range in.Records(mdns.HostName(w.host)) {
		if !w.seen[record] {
			w.seen[record] = true
			fmt.Fprintf(&w.text, "%s %d IN %s %s\n", record.Name.Master(), record.TTL, record.Data.Type(), record.Data)
		}
	}
}

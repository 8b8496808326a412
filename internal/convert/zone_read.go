package convert

import (
	"bytes"
	"cmp"
	"net/netip"
	"strings"

	"github.com/miekg/dns"

	"announcer/internal/definition"
	"announcer/internal/diag"
	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/mdns/dnstext"
	"announcer/internal/publication"
	"announcer/services"
)

// Zone is the format of a zone file (RFC 1035 §5) with the records of RFC 6763.
const Zone Format = "zone"

func init() {
	register(codec{Zone, ".zone", 5, decodeZone, encodeZone})
}

const (
	maxRecords   = 50_000 // $GENERATE makes 65,536 of one line
	maxAddresses = 100    // of a host
)

// decodeZone makes a service of each SRV record that has the name of an instance, and a group of those with the same
// instance name. Times to live don't matter.
func decodeZone(file string, data []byte, host string) *definition.File {
	written := definition.New(file)
	r := zoneReader{found: written.Found, host: host, byName: map[string][]*zoneRecord{}, byTarget: map[string][]*zoneRecord{}}
	r.read(data)
	written.Groups = r.groups()
	r.leftOver()
	return written
}

type zoneReader struct {
	found    *diag.Collector
	host     string
	records  []*zoneRecord
	byName   map[string][]*zoneRecord
	byTarget map[string][]*zoneRecord // the PTR records
}

func (r *zoneReader) add(line int, element string, severity diag.Severity, format string, args ...any) {
	r.found.Addf(severity, line, element, format, args...)
}

// zonePlaces are the lines of the services of a group.
type zonePlaces []int

// Reported implements [definition.Places].
func (zonePlaces) Reported(services.Problem) bool { return false }

// Place implements [definition.Places].
func (lines zonePlaces) Place(p services.Problem) diag.Finding {
	return diag.Finding{Line: lines[max(p.Service, 0)]}
}

// zoneRecord is a record and the line where it ends.
type zoneRecord struct {
	dns.RR
	line   int
	name   dnsname.Name
	target dnsname.Name // of PTR and SRV
	used   bool         // it is part of a service
}

// lineCounter is a reader of single bytes that knows on which line the last one was.
type lineCounter struct {
	*bytes.Reader
	line int
	last byte
}

// ReadByte reads the next byte.
func (c *lineCounter) ReadByte() (byte, error) {
	if c.last == '\n' {
		c.line++
	}
	b, err := c.Reader.ReadByte()
	c.last = b
	return b, err
}

// read parses the file up to the first error.
func (r *zoneReader) read(data []byte) {
	counter := &lineCounter{Reader: bytes.NewReader(data), line: 1}
	parser := dns.NewZoneParser(counter, "", "")
	parser.SetDefaultTTL(mdns.OtherTTL)
	n := 0
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		if n++; n > maxRecords {
			r.add(counter.line, "", diag.Error, "the file has more than %d records; want fewer", maxRecords)
			return
		}
		r.record(rr, counter.line)
	}
	if err := parser.Err(); err != nil {
		message, _, _ := strings.Cut(strings.TrimPrefix(err.Error(), "dns: "), " at line: ")
		r.add(counter.line, "", diag.Error, "this is not a zone file: %s", message)
	}
}

func (r *zoneReader) record(rr dns.RR, line int) {
	record := &zoneRecord{RR: rr, line: line}
	target := "."
	switch data := rr.(type) {
	case *dns.PTR:
		target = data.Ptr
	case *dns.SRV:
		target = data.Target
	}
	var nameErr, targetErr error
	record.name, nameErr = dnstext.ParseName(rr.Header().Name)
	record.target, targetErr = dnstext.ParseName(target)
	if nameErr != nil || targetErr != nil || rr.Header().Class != dns.ClassINET {
		r.leaveOut(record)
		return
	}
	r.records = append(r.records, record)
	r.byName[record.name.Key()] = append(r.byName[record.name.Key()], record)
	if rr.Header().Rrtype == dns.TypePTR {
		r.byTarget[record.target.Key()] = append(r.byTarget[record.target.Key()], record)
	}
}

// first returns the first record of a name and type, nil if there is none.
func (r *zoneReader) first(name dnsname.Name, recordType uint16) *zoneRecord {
	for _, record := range r.byName[name.Key()] {
		if record.Header().Rrtype == recordType {
			return record
		}
	}
	return nil
}

func (r *zoneReader) groups() []definition.Group {
	var groups []definition.Group
	index := map[string]int{}        // of the group of an instance name
	lines := map[string]zonePlaces{} // of the services of that group
	for _, record := range r.records {
		srv, ok := record.RR.(*dns.SRV)
		if !ok {
			continue
		}
		service, ok := r.service(record, srv)
		if !ok {
			continue
		}
		instance := record.name.Label()
		i, ok := index[instance]
		if !ok {
			i = len(groups)
			index[instance] = i
			groups = append(groups, definition.Group{Publication: publication.Publication{Group: services.Group{Name: instance}}})
		}
		groups[i].Group.Services = append(groups[i].Group.Services, service)
		lines[instance] = append(lines[instance], record.line)
	}
	for i := range groups {
		groups[i].Places = lines[groups[i].Group.Name]
	}
	return groups
}

// service returns the service of an SRV record, if its name is that of an instance.
func (r *zoneReader) service(record *zoneRecord, srv *dns.SRV) (s services.Service, ok bool) {
	labels := record.name.Labels()
	if len(labels) < 3 {
		return s, false
	}
	under := record.name.Parent()
	domain := under.Parent().Parent()
	typeName, _ := dnsname.New(labels[1:3]...)
	var err error
	if s.Type, err = services.ParseType(typeName.String()); err != nil {
		return s, false
	}
	record.used = true
	if first := r.first(record.name, dns.TypeSRV); first != record {
		r.add(record.line, "SRV", diag.Error, "%s has an SRV record in line %d already; want one", record.name, first.line)
		return s, false
	}
	if !domain.Equal(dnsname.Local) {
		if s.Domain, err = services.ParseDomain(domain.String()); err != nil {
			r.add(record.line, "SRV", diag.Error, "%v", err)
		}
	}
	if srv.Priority != 0 || srv.Weight != 0 {
		r.add(record.line, "SRV", diag.Warning, "announcer publishes priority 0 and weight 0, not %d and %d", srv.Priority, srv.Weight)
	}
	s.Port = srv.Port
	r.hostOf(&s, record)
	s.TXT = r.txt(record.name)
	s.Subtypes = r.pointers(record.name, under, domain)
	return s, true
}

// hostOf fills in the host and its addresses, unless it is this one.
func (r *zoneReader) hostOf(s *services.Service, record *zoneRecord) {
	if record.target.Equal(mdns.HostName(r.host)) {
		return
	}
	var err error
	if s.Host, err = services.ParseHost(record.target.String()); err != nil {
		r.add(record.line, "SRV", diag.Error, "%v", err)
	}
	for _, other := range r.byName[record.target.Key()] {
		ip, ok := addressOf(other.RR)
		if !ok {
			continue
		}
		if len(s.Addresses) == maxAddresses {
			r.add(other.line, "", diag.Error, "%s has more than %d addresses; want fewer", s.Host, maxAddresses)
			return
		}
		other.used = true
		s.Addresses = append(s.Addresses, ip)
	}
}

// addressOf returns the address of an A or AAAA record.
func addressOf(rr dns.RR) (address netip.Addr, ok bool) {
	switch data := rr.(type) {
	case *dns.A:
		return netip.AddrFromSlice(data.A.To4())
	case *dns.AAAA:
		return netip.AddrFromSlice(data.AAAA.To16())
	}
	return netip.Addr{}, false
}

func (r *zoneReader) txt(name dnsname.Name) services.TXT {
	var txt services.TXT
	first := r.first(name, dns.TypeTXT)
	for _, record := range r.byName[name.Key()] {
		data, ok := record.RR.(*dns.TXT)
		if !ok {
			continue
		}
		record.used = true
		if record != first {
			r.add(record.line, "TXT", diag.Error, "%s has a TXT record in line %d already; want one", name, first.line)
			continue
		}
		for _, s := range data.Txt {
			txt = append(txt, dnstext.Unescape(s))
		}
	}
	if len(txt) == 1 && txt[0] == "" {
		return nil // RFC 6763 §6.1
	}
	return txt
}

// pointers returns the subtypes under which there is a pointer to the instance.
func (r *zoneReader) pointers(name, under, domain dnsname.Name) []dnsname.Name {
	var subtypes []dnsname.Name
	for _, record := range r.byTarget[name.Key()] {
		if record.name.Equal(under) {
			record.used = true
			continue
		}
		own := len(record.name.Labels()) - len(domain.Labels())
		if own != 4 || !record.name.HasSuffix(domain) {
			continue
		}
		first, _ := dnsname.New(record.name.Labels()[:4]...)
		if subtype, err := services.ParseSubtype(first.String()); err == nil {
			record.used = true
			subtypes = append(subtypes, subtype)
		}
	}
	return subtypes
}

// leftOver warns of the records that are part of no service, except those that every zone has, the list of types
// (RFC 6763 §9) and the addresses of this host.
func (r *zoneReader) leftOver() {
	for _, record := range r.records {
		recordType := record.Header().Rrtype
		isList := strings.HasPrefix(dnsname.Fold(record.name.String()), "_services._dns-sd._udp.")
		isOwn := record.name.Equal(mdns.HostName(r.host))
		if !record.used && !isList && !isOwn && recordType != dns.TypeSOA && recordType != dns.TypeNS {
			r.leaveOut(record)
		}
	}
}

func (r *zoneReader) leaveOut(record *zoneRecord) {
	header := record.Header()
	name := cmp.Or(record.name.String(), header.Name)
	r.add(record.line, dns.TypeToString[header.Rrtype], diag.Warning, "%s is not part of a service here; it is left out", name)
}

package mdns

import (
	"net/netip"
	"slices"
	"strconv"

	"announcer/internal/dnsname"
	"announcer/internal/publication"
)

var metaName = dnsname.MustParse("_services._dns-sd._udp") // RFC 6763 §9

// Records returns what one link should hold on one IP version: the records of every instance to be published there
// and of this host, each once, in the order of the instances.
func Records(host string, instances []Instance, link publication.Link, v publication.IPVersion) []Record {
	own := HostName(host)
	set := recordSet{seen: map[Record]bool{}}
	for _, in := range instances {
		if in.State == Probing && v.Carries(in.Service.Protocol) && in.Links.Has(link.Index) {
			set.add(in.Records(own)...)
		}
	}
	set.add(HostRecords(own, link)...)
	return set.records
}

type recordSet struct {
	records []Record
	seen    map[Record]bool
}

func (s *recordSet) add(records ...Record) {
	for _, r := range records {
		if !s.seen[r] {
			s.seen[r] = true
			s.records = append(s.records, r)
		}
	}
}

// HostName returns the full name of a host that is named by its first label, "pbx.local".
func HostName(label string) dnsname.Name {
	name, err := dnsname.Local.Child(label)
	if err != nil {
		return dnsname.Local
	}
	return name
}

// Target returns the host that an instance's SRV record names: the service's, or own.
func (in Instance) Target(own dnsname.Name) dnsname.Name {
	if in.Service.Host.IsZero() {
		return own
	}
	return in.Service.Host
}

// Records returns the records of one instance (RFC 6763 §4 to §9, TTLs of RFC 6762 §10), and those of a foreign host
// whose addresses are given with the service. own is the name of this host.
func (in Instance) Records(own dnsname.Name) []Record {
	s := in.Service
	domain, name, target := s.In(), in.Name(), in.Target(own)
	records := []Record{
		pointer(join(metaName, domain), join(s.Type, domain)),
		pointer(join(s.Type, domain), name),
	}
	for _, sub := range s.Subtypes {
		records = append(records, pointer(join(sub, domain), name)) // RFC 6763 §7.1
	}
	records = append(records,
		Record{Name: name, TTL: HostTTL, Unique: true, Data: SRV{Port: s.Port, Target: target}},
		Record{Name: name, TTL: OtherTTL, Unique: true, Data: NewTXT(s.TXT...)})
	for _, a := range s.Addresses {
		records = append(records, Record{Name: target, TTL: HostTTL, Unique: true, Data: Address{a}})
	}
	return records
}

// HostRecords returns the addresses of this host on a link and their reverse names (RFC 6762 §4).
func HostRecords(own dnsname.Name, link publication.Link) []Record {
	var records, reverse []Record
	for _, a := range link.Published() {
		records = append(records, Record{Name: own, TTL: HostTTL, Unique: true, Data: Address{a}})
		reverse = append(reverse, Record{Name: ReverseName(a), TTL: HostTTL, Unique: true, Data: PTR{own}})
	}
	return append(records, reverse...)
}

// ReverseName returns the name under which an address points back to its host: 4.3.2.1.in-addr.arpa for 1.2.3.4
// (RFC 1035 §3.5), the nibbles below ip6.arpa for IPv6 (RFC 3596 §2.5).
func ReverseName(a netip.Addr) dnsname.Name {
	bytes := a.AsSlice()
	slices.Reverse(bytes)
	var labels []string
	for _, b := range bytes {
		if a.Is4() {
			labels = append(labels, strconv.Itoa(int(b)))
		} else {
			labels = append(labels, strconv.FormatUint(uint64(b&15), 16), strconv.FormatUint(uint64(b>>4), 16))
		}
	}
	root := "in-addr"
	if a.Is6() {
		root = "ip6"
	}
	name, err := dnsname.New(append(labels, root, "arpa")...)
	if err != nil {
		panic("mdns: a reverse name is at most 74 bytes: " + err.Error())
	}
	return name
}

func pointer(from, to dnsname.Name) Record {
	return Record{Name: from, TTL: OtherTTL, Data: PTR{to}}
}

// join puts names together that services.Group.Check has found to fit.
func join(name, domain dnsname.Name) dnsname.Name {
	joined, _ := name.Join(domain)
	return joined
}

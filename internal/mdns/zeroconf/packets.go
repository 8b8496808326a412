package zeroconf

import (
	"slices"

	"github.com/miekg/dns"

	"announcer/internal/mdns"
	"announcer/internal/mdns/dnstext"
)

const (
	maxPacket    = 1400 // bytes of a packet with more than one record: it fits any ordinary link
	maxQuestions = 5    // in a packet: as many as fit whatever the names
)

// questions returns the packets that ask for services by their names.
func questions(servers []*server) []*dns.Msg {
	var packets []*dns.Msg
	for chunk := range slices.Chunk(servers, maxQuestions) {
		msg := &dns.Msg{}
		for _, s := range chunk {
			msg.Question = append(msg.Question, dns.Question{Name: s.fullName, Qtype: dns.TypeSRV, Qclass: dns.ClassINET})
		}
		packets = append(packets, msg)
	}
	return packets
}

// goodbyes returns the packets that withdraw records (RFC 6762 §10.1).
func goodbyes(records []mdns.Record) []*dns.Msg {
	var packets []*dns.Msg
	for len(records) > 0 {
		msg := &dns.Msg{MsgHdr: dns.MsgHdr{Response: true, Authoritative: true}, Compress: true}
		for _, r := range records {
			msg.Answer = append(msg.Answer, withdrawn(r))
			if len(msg.Answer) > 1 && msg.Len() > maxPacket {
				msg.Answer = msg.Answer[:len(msg.Answer)-1]
				break
			}
		}
		records = records[len(msg.Answer):]
		packets = append(packets, msg)
	}
	return packets
}

// withdrawn returns a record as its goodbye has it: without time to live, and without the cache-flush bit, which would
// reach for what others hold under that name.
func withdrawn(r mdns.Record) dns.RR {
	header := dns.RR_Header{Name: dnstext.Name(r.Name), Rrtype: uint16(r.Data.Type()), Class: dns.ClassINET}
	switch data := r.Data.(type) {
	case mdns.PTR:
		return &dns.PTR{Hdr: header, Ptr: dnstext.Name(data.Target)}
	case mdns.SRV:
		return &dns.SRV{Hdr: header, Priority: data.Priority, Weight: data.Weight, Port: data.Port, Target: dnstext.Name(data.Target)}
	case mdns.TXT:
		return &dns.TXT{Hdr: header, Txt: txtText(data.Strings())}
	}
	address := r.Data.(mdns.Address)
	if address.Is4() {
		return &dns.A{Hdr: header, A: address.AsSlice()}
	}
	return &dns.AAAA{Hdr: header, AAAA: address.AsSlice()}
}

package mdns

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"announcer/internal/dnsname"
)

// Type is the type of a record or question (RFC 1035 §3.2.2).
type Type uint16

// The types that DNS-SD needs.
const (
	TypeA    Type = 1
	TypePTR  Type = 12
	TypeTXT  Type = 16
	TypeAAAA Type = 28 // RFC 3596
	TypeSRV  Type = 33 // RFC 2782
	TypeNSEC Type = 47 // RFC 4034 §4, restricted as in RFC 6762 §6.1
	TypeANY  Type = 255
)

var typeNames = map[Type]string{
	TypeA: "A", TypePTR: "PTR", TypeTXT: "TXT", TypeAAAA: "AAAA", TypeSRV: "SRV", TypeNSEC: "NSEC", TypeANY: "ANY",
}

// String returns the mnemonic, or "TYPE99" for a type without one (RFC 3597 §5).
func (t Type) String() string {
	if name, ok := typeNames[t]; ok {
		return name
	}
	return fmt.Sprintf("TYPE%d", uint16(t))
}

// Times to live, in seconds (RFC 6762 §10): records that hold a host's name or address change with the host and
// live shorter than the others.
const (
	HostTTL  = 120
	OtherTTL = 4500
)

// Nap is the longest sleep that no cache notices: half of the shortest TTL.
const Nap = HostTTL / 2 * time.Second

// Record is one resource record. Records are values: == compares them whole, the case of names included.
type Record struct {
	Name   dnsname.Name
	TTL    uint32 // seconds
	Unique bool   // only one host may have it: it is probed for, and sent with the cache-flush bit (RFC 6762 §10.2)
	Data   Data
}

// String returns the record as a zone file has it, with "flush" behind the class of a unique one.
func (r Record) String() string {
	class := "IN"
	if r.Unique {
		class = "IN flush"
	}
	return fmt.Sprintf("%s %d %s %s %s", r.Name.Master(), r.TTL, class, r.Data.Type(), r.Data)
}

// Data is the data of a record: one of [PTR], [SRV], [TXT], [Address], [NSEC] and, for all other types, [Raw].
type Data interface {
	Type() Type
	String() string // as in a zone file
	isData()
}

// PTR points to another name (RFC 1035 §3.3.12).
type PTR struct{ Target dnsname.Name }

// SRV is the location of a service (RFC 2782).
type SRV struct {
	Priority, Weight, Port uint16
	Target                 dnsname.Name
}

// TXT holds the strings of a TXT record in wire form: each behind a byte with its length (RFC 1035 §3.3.14).
// Use [NewTXT] to make one.
type TXT struct{ wire string }

// Address is the data of an A or AAAA record.
type Address struct{ netip.Addr }

// NSEC lists the types of records that a name has, and denies all others: the restricted form of RFC 6762 §6.1, for
// types below 256. Use [NewNSEC] to make one.
type NSEC struct {
	Next   dnsname.Name // the name itself
	bitmap string       // RFC 4034 §4.1.2, window 0, without zero bytes at the end
}

// Raw is the data of a record of a type that DNS-SD does not use, in the form of a packet (RFC 3597).
type Raw struct {
	RRType Type
	Bytes  string
}

// NewNSEC makes NSEC data for a name that has records of the given types, and of no others. Types over 255 are left
// out (RFC 6762 §6.1).
func NewNSEC(name dnsname.Name, types ...Type) NSEC {
	var bits [32]byte
	for _, t := range types {
		if t < 256 {
			bits[t/8] |= 0x80 >> (t % 8)
		}
	}
	return NSEC{name, strings.TrimRight(string(bits[:]), "\x00")}
}

// NSECFromWire reads the bitmap of window 0 from a packet.
func NSECFromWire(next dnsname.Name, bitmap string) NSEC {
	return NSEC{next, strings.TrimRight(bitmap, "\x00")}
}

// Bitmap returns the bytes of window 0 (RFC 4034 §4.1.2), "" if the name has no records.
func (n NSEC) Bitmap() string { return n.bitmap }

// Types returns the types that the name has.
func (n NSEC) Types() []Type {
	var types []Type
	for i := range len(n.bitmap) * 8 {
		if n.bitmap[i/8]&(0x80>>(i%8)) != 0 {
			types = append(types, Type(i))
		}
	}
	return types
}

// TXTFromWire reads TXT data from a packet. It reports false if the length bytes don't add up; no bytes at all become
// one empty string (RFC 6763 §6.1).
func TXTFromWire(wire string) (TXT, bool) {
	if wire == "" {
		return TXT{"\x00"}, true
	}
	i := 0
	for i < len(wire) {
		i += 1 + int(wire[i])
	}
	return TXT{wire}, i == len(wire)
}

// NewTXT makes TXT data of strings of at most 255 bytes each; none at all become one empty string (RFC 6763 §6.1).
func NewTXT(strs ...string) TXT {
	var b strings.Builder
	for _, s := range strs {
		b.WriteByte(byte(len(s)))
		b.WriteString(s)
	}
	if b.Len() == 0 {
		return TXT{"\x00"}
	}
	return TXT{b.String()}
}

// Wire returns the data in the form of a packet.
func (t TXT) Wire() string { return t.wire }

// Strings returns the strings apart; the one empty string that stands for none is left out.
func (t TXT) Strings() []string {
	if t.wire == "\x00" {
		return nil
	}
	var strs []string
	for i := 0; i < len(t.wire); i += 1 + int(t.wire[i]) {
		strs = append(strs, t.wire[i+1:i+1+int(t.wire[i])])
	}
	return strs
}

// Type returns TypePTR.
func (PTR) Type() Type { return TypePTR }

// Type returns TypeSRV.
func (SRV) Type() Type { return TypeSRV }

// Type returns TypeTXT.
func (TXT) Type() Type { return TypeTXT }

// Type returns TypeA or TypeAAAA.
func (a Address) Type() Type {
	if a.Is4() {
		return TypeA
	}
	return TypeAAAA
}

// Type returns TypeNSEC.
func (NSEC) Type() Type { return TypeNSEC }

// Type returns the type that came with the bytes.
func (r Raw) Type() Type { return r.RRType }

func (p PTR) String() string { return p.Target.Master() }

func (s SRV) String() string {
	return fmt.Sprintf("%d %d %d %s", s.Priority, s.Weight, s.Port, s.Target.Master())
}

func (t TXT) String() string {
	quoted := []string{}
	for _, s := range t.Strings() {
		quoted = append(quoted, QuoteTXT(s))
	}
	if len(quoted) == 0 {
		return `""`
	}
	return strings.Join(quoted, " ")
}

func (n NSEC) String() string {
	words := []string{n.Next.Master()}
	for _, t := range n.Types() {
		words = append(words, t.String())
	}
	return strings.Join(words, " ")
}

func (r Raw) String() string { return fmt.Sprintf(`\# %d %x`, len(r.Bytes), r.Bytes) }

func (PTR) isData()     {}
func (SRV) isData()     {}
func (TXT) isData()     {}
func (Address) isData() {}
func (NSEC) isData()    {}
func (Raw) isData()     {}

// QuoteTXT returns a TXT string as a zone file has it (RFC 1035 §5.1): in quotes, with \" and \\, and \DDD for
// bytes that are not printable ASCII.
func QuoteTXT(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c >= 0x7F:
			fmt.Fprintf(&b, `\%03d`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

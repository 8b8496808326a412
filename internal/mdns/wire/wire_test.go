package wire

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/miekg/dns"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/testkit/mdnstest"
)

var (
	host     = dnsname.MustParse("pbx.local")
	instance = dnsname.MustParse(`Front\.desk é._sip._udp.local`)
	kind     = dnsname.MustParse("_sip._udp.local")
)

// everything is a message with each kind of data in it.
func everything() Message {
	return Message{
		Header:    Header{Flags: FlagResponse | FlagAuthority, Counts: [4]uint16{2, 3, 2, 3}},
		Questions: []Query{{kind, mdns.TypePTR, ClassIN, false}, {instance, mdns.TypeANY, ClassIN, true}},
		Answers: []mdns.Record{
			{Name: kind, TTL: 4500, Data: mdns.PTR{Target: instance}},
			{Name: instance, TTL: 120, Unique: true, Data: mdns.SRV{Priority: 1, Weight: 2, Port: 5060, Target: host}},
			{Name: instance, TTL: 4500, Unique: true, Data: mdns.NewTXT("a=b", `c=\"`, "\x00\xff")},
		},
		Authority: []mdns.Record{
			{Name: host, TTL: 120, Unique: true, Data: mdns.Address{Addr: netip.MustParseAddr("192.0.2.1")}},
			{Name: host, TTL: 120, Unique: true, Data: mdns.Address{Addr: netip.MustParseAddr("2001:db8::1")}},
		},
		Additional: []mdns.Record{
			{Name: host, TTL: 120, Unique: true, Data: mdns.NewNSEC(host, mdns.TypeA, mdns.TypeAAAA)},
			{Name: instance, TTL: 7, Data: mdns.NewTXT()},
			{Name: host, TTL: 9, Data: mdns.Raw{RRType: 13, Bytes: "\x03x86\x05Linux"}},
		},
	}
}

var byValue = cmp.Options{
	cmp.AllowUnexported(dnsname.Name{}, mdns.TXT{}, mdns.NSEC{}),
	cmpopts.EquateComparable(netip.Addr{}),
}

func TestValueBytesValue(t *testing.T) {
	want := everything()
	packet, ok := want.Encode(1472)
	if !ok {
		t.Fatal("does not fit")
	}
	got, err := Decode(packet)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, byValue); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
}

func TestSecondOpinionReadsOurs(t *testing.T) {
	packet, _ := everything().Encode(1472)
	var m dns.Msg
	if err := m.Unpack(packet); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, rr := range append(append(m.Answer, m.Ns...), m.Extra...) {
		got = append(got, strings.ReplaceAll(rr.String(), "\t", " "))
	}
	want := []string{
		`_sip._udp.local. 4500 IN PTR Front\.desk\ \195\169._sip._udp.local.`,
		`Front\.desk\ \195\169._sip._udp.local. 120 CLASS32769 SRV 1 2 5060 pbx.local.`,
		`Front\.desk\ \195\169._sip._udp.local. 4500 CLASS32769 TXT "a=b" "c=\\\"" "\000\255"`,
		`pbx.local. 120 CLASS32769 A 192.0.2.1`,
		`pbx.local. 120 CLASS32769 AAAA 2001:db8::1`,
		`pbx.local. 120 CLASS32769 NSEC pbx.local. A AAAA`,
		`Front\.desk\ \195\169._sip._udp.local. 7 IN TXT ""`,
		`pbx.local. 9 IN HINFO "x86" "Linux"`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("miekg/dns reads (-want +got):\n%s", diff)
	}
	if q := m.Question[1]; q.Qtype != dns.TypeANY || q.Qclass != 0x8001 {
		t.Errorf("second question %v, want ANY with the QU bit", q)
	}
}

func TestWeReadSecondOpinion(t *testing.T) {
	packet, _ := everything().Encode(1472)
	for _, compress := range []bool{true, false} {
		t.Run(fmt.Sprintf("compress=%t", compress), func(t *testing.T) {
			var m dns.Msg
			if err := m.Unpack(packet); err != nil {
				t.Fatal(err)
			}
			m.Compress = compress
			theirs, err := m.Pack()
			if err != nil {
				t.Fatal(err)
			}
			got, err := Decode(theirs)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(everything(), got, byValue); diff != "" {
				t.Errorf("compress %v (-want +got):\n%s", compress, diff)
			}
		})
	}
}

// RFC 6762 §18.14: the targets of SRV and NSEC are compressed too, but not SRV in a reply to a legacy query.
func TestNamesAreCompressed(t *testing.T) {
	srv := mdns.Record{Name: instance, TTL: 120, Data: mdns.SRV{Port: 1, Target: instance}}
	nsec := mdns.Record{Name: instance, TTL: 120, Data: mdns.NewNSEC(instance, mdns.TypeA)}
	for _, c := range []struct {
		record mdns.Record
		whole  bool
		size   int // of the data
	}{
		{srv, false, 6 + 2},
		{srv, true, 6 + len(instance.Wire())},
		{nsec, true, 2 + 3},
	} {
		t.Run(fmt.Sprintf("%s whole=%t", c.record.Data.Type(), c.whole), func(t *testing.T) {
			b := Builder{WholeTargets: c.whole}
			b.Start(nil, 1472, 0, 0)
			b.Record(Answer, &c.record, 120, false)
			want := HeaderSize + len(instance.Wire()) + 10 + c.size
			if got := len(b.Finish()); got != want {
				t.Errorf("%v, whole targets %v: %d bytes, want %d", c.record, c.whole, got, want)
			}
		})
	}
}

func TestCaseIsKept(t *testing.T) {
	m := Message{Answers: []mdns.Record{
		{Name: dnsname.MustParse("_SIP._udp.LOCAL"), TTL: 1, Data: mdns.PTR{Target: dnsname.MustParse("a._sip._udp.local")}},
	}}
	packet, _ := m.Encode(1472)
	got, err := Decode(packet)
	if err != nil {
		t.Fatal(err)
	}
	if got.Answers[0] != m.Answers[0] {
		t.Errorf("got %v, want %v", got.Answers[0], m.Answers[0])
	}
}

func TestWhatDoesNotFitIsNotAdded(t *testing.T) {
	const before = "before"
	for limit := 100; limit < 200; limit++ {
		record := everything().Answers[1]
		var b Builder
		b.Start([]byte(before), limit, 0, 0)
		added := 0
		for b.Record(Answer, &record, 1, false) {
			added++
			record.Name, _ = record.Name.Parent().Child(strings.Repeat("x", added))
		}
		small := mdns.Record{Name: host, TTL: 1, Data: mdns.Address{Addr: netip.MustParseAddr("192.0.2.1")}}
		room := limit-b.Len() >= 2+10+4
		if got := b.Record(Additional, &small, 1, false); got != room {
			t.Errorf("limit %d: room for a small record is %v, want %v", limit, got, room)
		}
		packet := b.Finish()
		if !bytes.HasPrefix(packet, []byte(before)) || len(packet)-len(before) > limit {
			t.Fatalf("limit %d: %d bytes behind what was there", limit, len(packet)-len(before))
		}
		m, err := Decode(packet[len(before):])
		if err != nil || len(m.Answers) != added || room && (len(m.Additional) != 1 || m.Additional[0] != small) {
			t.Errorf("limit %d: got %v, %v; want %d answers and %v", limit, m, err, added, small)
		}
	}
}

func TestMalformedPackets(t *testing.T) {
	header := "\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00"
	record := "\x00\x00\x84\x00\x00\x00\x00\x01\x00\x00\x00\x00"
	long := strings.Repeat("\x3f"+strings.Repeat("a", 63), 4) + "\x00" // 257 bytes
	for name, packet := range map[string]string{
		"nothing":                     "",
		"half a header":               header[:11],
		"a question that is missing":  header,
		"a label without end":         header + "\x05abc",
		"a name without end":          header + "\x03abc",
		"half a pointer":              header + "\xc0",
		"a pointer to itself":         header + "\xc0\x0c\x00\x01\x00\x01",
		"a pointer ahead":             header + "\xc0\x20\x00\x01\x00\x01",
		"a pointer back to its label": header + "\x01a\xc0\x0c\x00\x01\x00\x01",
		"a label of 64 bytes":         header + "\x40" + strings.Repeat("a", 64) + "\x00\x00\x01\x00\x01",
		"a name of 257 bytes":         header + long + "\x00\x01\x00\x01",
		"no class":                    header + "\x01a\x00\x00\x01",
		"data cut short":              record + "\x00\x00\x01\x00\x01\x00\x00\x00\x01\x00\x04\x01\x02\x03",
		"no data length":              record + "\x00\x00\x01\x00\x01\x00\x00\x00\x01\x00",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Decode([]byte(packet)); err != ErrMalformed {
				t.Errorf("%s: %v, want %v", name, err, ErrMalformed)
			}
		})
	}
}

func TestMalformedDataIsLeftOut(t *testing.T) {
	for name, r := range map[string]mdns.Raw{
		"A of three bytes":    {RRType: mdns.TypeA, Bytes: "\x01\x02\x03"},
		"AAAA of four bytes":  {RRType: mdns.TypeAAAA, Bytes: "\x01\x02\x03\x04"},
		"TXT that overflows":  {RRType: mdns.TypeTXT, Bytes: "\x09a"},
		"PTR without a name":  {RRType: mdns.TypePTR},
		"PTR and more":        {RRType: mdns.TypePTR, Bytes: "\x01a\x00x"},
		"SRV without a name":  {RRType: mdns.TypeSRV, Bytes: "\x00\x00\x00\x00\x00\x00"},
		"SRV cut short":       {RRType: mdns.TypeSRV, Bytes: "\x00\x00\x00"},
		"NSEC of window 1":    {RRType: mdns.TypeNSEC, Bytes: "\x01a\x00\x01\x01\x80"},
		"NSEC of 33 bytes":    {RRType: mdns.TypeNSEC, Bytes: "\x01a\x00\x00\x21" + strings.Repeat("x", 33)},
		"NSEC bits cut short": {RRType: mdns.TypeNSEC, Bytes: "\x01a\x00\x00\x02\x80"},
	} {
		t.Run(name, func(t *testing.T) {
			packet, _ := Message{Answers: []mdns.Record{{Name: host, TTL: 1, Data: r}}}.Encode(1472)
			if m, err := Decode(packet); err != nil || len(m.Answers) != 0 {
				t.Errorf("%s: %v, %v", name, m.Answers, err)
			}
		})
	}
}

func TestIsComparesData(t *testing.T) {
	shout := func(n dnsname.Name) dnsname.Name { return dnsname.MustParse(strings.ToUpper(n.String())) }
	m := everything()
	m.Answers[0].Data = mdns.PTR{Target: shout(dnsname.MustParse("desk._sip._udp.local"))}
	want := m.Answers[0].Data.(mdns.PTR)
	packet, _ := m.Encode(1472)
	records := append(append(m.Answers, m.Authority...), m.Additional...)
	records[0].Data = mdns.PTR{Target: dnsname.MustParse(dnsname.Fold(want.Target.String()))}
	var r Reader
	if err := r.Reset(packet); err != nil {
		t.Fatal(err)
	}
	for i := 0; ; i++ {
		rec, ok := r.Resource()
		if !ok {
			if i != len(records) {
				t.Errorf("%d records, want %d", i, len(records))
			}
			break
		}
		for j, other := range records {
			if got := r.Is(rec, other.Data); got != (i == j) {
				t.Errorf("record %d is %v: %v", i, other.Data, got)
			}
		}
	}
}

// RFC 6762 §8.2: names in the data are compared uncompressed, byte for byte.
func TestAppendDataUncompresses(t *testing.T) {
	packet, _ := everything().Encode(1472)
	var r Reader
	if err := r.Reset(packet); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{
		instance.Wire(),
		"\x00\x01\x00\x02\x13\xc4" + host.Wire(),
		"\x03a=b\x04c=\\\"\x02\x00\xff",
		"\xc0\x00\x02\x01",
	} {
		rec, _ := r.Resource()
		if got := string(r.AppendData(nil, rec)); got != want {
			t.Errorf("record %d: %q, want %q", i, got, want)
		}
	}
}

func TestLongMessageKeepsItsNames(t *testing.T) {
	var m Message
	for i := range 2000 {
		label := strings.Repeat("x", i%40+1) + string(rune('a'+i%26))
		name, _ := kind.Child(label)
		m.Answers = append(m.Answers, mdns.Record{Name: kind, TTL: 1, Data: mdns.PTR{Target: name}})
	}
	m.Counts[1] = 2000
	packet, ok := m.Encode(65535)
	if !ok {
		t.Fatal("does not fit")
	}
	got, err := Decode(packet)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m, got, byValue); diff != "" {
		t.Error(diff)
	}
}

func FuzzReader(f *testing.F) {
	packet, _ := everything().Encode(1472)
	f.Add(packet)
	f.Add([]byte("\x00\x00\x84\x00\x00\x00\x00\x01\x00\x00\x00\x00\xc0\x0c\x00\x0c\x00\x01\x00\x00\x00\x01\x00\x02\xc0\x0c"))
	for _, packet := range mdnstest.Captured("*") {
		f.Add(packet)
	}
	f.Fuzz(func(t *testing.T, packet []byte) {
		m, err := Decode(packet)
		var r Reader
		if r.Reset(packet) == nil {
			for rec, ok := r.Resource(); ok; rec, ok = r.Resource() {
				if value, ok := r.Value(rec); ok && !r.Is(rec, value) {
					t.Errorf("%v of the packet is not itself", value)
				}
				if n := len(r.AppendData(nil, rec)); n > len(rec.Data)+2*dnsname.MaxName {
					t.Errorf("data of %d bytes became %d", len(rec.Data), n)
				}
			}
		}
		if err != nil || classes(m) {
			return
		}
		again, ok := m.Encode(1 << 20)
		if !ok {
			return // data that is longer uncompressed than 65,535 bytes
		}
		back, err := Decode(again)
		if err != nil {
			t.Fatalf("packed: %v", err)
		}
		m.Counts, back.Counts = [4]uint16{}, [4]uint16{}
		if diff := cmp.Diff(m, back, byValue); diff != "" {
			t.Errorf("parsed, packed and parsed (-once +twice):\n%s", diff)
		}
	})
}

// classes reports whether there is a question that Encode would change.
func classes(m Message) bool {
	for _, q := range m.Questions {
		if q.Class != ClassIN {
			return true
		}
	}
	return false
}

func BenchmarkWalk(b *testing.B) {
	packet, _ := everything().Encode(1472)
	var r Reader
	b.ReportAllocs()
	for b.Loop() {
		if err := r.Reset(packet); err != nil {
			b.Fatal(err)
		}
		for _, ok := r.Resource(); ok; _, ok = r.Resource() {
		}
	}
}

func BenchmarkBuild(b *testing.B) {
	m := everything()
	var w Builder
	buf := make([]byte, 0, 2000)
	b.ReportAllocs()
	for b.Loop() {
		w.Start(buf[:0], 1472, 0, FlagResponse)
		for i := range m.Answers {
			w.Record(Answer, &m.Answers[i], 120, true)
		}
		w.Finish()
	}
}

func TestWalkAndBuildDoNotAllocate(t *testing.T) {
	m := everything()
	packet, _ := m.Encode(1472)
	var r Reader
	var w Builder
	buf := make([]byte, 0, 2000)
	allocs := testing.AllocsPerRun(100, func() {
		if err := r.Reset(packet); err != nil {
			t.Fatal(err)
		}
		for rec, ok := r.Resource(); ok; rec, ok = r.Resource() {
			r.Is(rec, m.Answers[1].Data)
		}
		w.Start(buf[:0], 1472, 0, FlagResponse)
		for i := range m.Answers {
			w.Record(Answer, &m.Answers[i], 120, true)
		}
		w.Finish()
	})
	if allocs > 0 {
		t.Errorf("%v allocations", allocs)
	}
}

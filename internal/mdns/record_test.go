package mdns

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"announcer/internal/dnsname"
	"announcer/internal/publication"
	"announcer/services"
)

func mustName(t *testing.T, labels ...string) dnsname.Name {
	t.Helper()
	n, err := dnsname.New(labels...)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestTXT(t *testing.T) {
	for _, test := range []struct {
		strs []string
		wire string
	}{
		{nil, "\x00"}, // RFC 6763 §6.1
		{[]string{"a=1", "b"}, "\x03a=1\x01b"},
		{[]string{"\x00\xff"}, "\x02\x00\xff"},
	} {
		t.Run(fmt.Sprintf("%q", test.strs), func(t *testing.T) {
			txt := NewTXT(test.strs...)
			if txt.Wire() != test.wire || !slices.Equal(txt.Strings(), test.strs) {
				t.Errorf("NewTXT(%q): wire %q, strings %q; want %q", test.strs, txt.Wire(), txt.Strings(), test.wire)
			}
		})
	}
}

func TestRecordsAreValues(t *testing.T) {
	record := func() Record {
		return Record{Name: dnsname.MustParse("x.local"), TTL: 120, Unique: true, Data: NewTXT("a", "b")}
	}
	if record() != record() {
		t.Error("two records with the same content differ")
	}
	other := record()
	other.Data = NewTXT("a")
	if record() == other {
		t.Error("records with other data are the same")
	}
}

func TestCarries(t *testing.T) {
	for _, test := range []struct {
		protocol services.Protocol
		v4, v6   bool
	}{{services.AnyProtocol, true, true}, {services.IPv4, true, false}, {services.IPv6, false, true}} {
		t.Run(test.protocol.String(), func(t *testing.T) {
			if publication.V4.Carries(test.protocol) != test.v4 || publication.V6.Carries(test.protocol) != test.v6 {
				t.Errorf("%s: IPv4 %t, IPv6 %t", test.protocol, publication.V4.Carries(test.protocol), publication.V6.Carries(test.protocol))
			}
		})
	}
}

func TestTypeString(t *testing.T) {
	a4, a6 := Address{netip.MustParseAddr("192.0.2.1")}, Address{netip.MustParseAddr("2001:db8::1")}
	if a4.Type().String() != "A" || a6.Type().String() != "AAAA" || Type(99).String() != "TYPE99" {
		t.Errorf("got %s, %s, %s", a4.Type(), a6.Type(), Type(99))
	}
}

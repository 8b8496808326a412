package mdns

import (
	"fmt"
	"slices"
	"testing"

	"announcer/internal/dnsname"
)

func TestNSECHoldsTypes(t *testing.T) {
	host := dnsname.MustParse("pbx.local")
	n := NewNSEC(host, TypeAAAA, TypeA, 300)
	if got, want := n.Types(), []Type{TypeA, TypeAAAA}; !slices.Equal(got, want) {
		t.Errorf("types %v, want %v", got, want)
	}
	if got, want := n.String(), "pbx.local. A AAAA"; got != want {
		t.Errorf("text %q, want %q", got, want)
	}
	if got := NSECFromWire(host, n.Bitmap()+"\x00\x00"); got != n {
		t.Errorf("read back as %v, want %v", got, n)
	}
}

func TestTXTFromWireChecksLengths(t *testing.T) {
	for wire, want := range map[string]bool{"": true, "\x00": true, "\x03a=b": true, "\x04a=b": false, "\x03a=b\x09": false} {
		t.Run(fmt.Sprintf("%q", wire), func(t *testing.T) {
			if _, ok := TXTFromWire(wire); ok != want {
				t.Errorf("%q: %v, want %v", wire, ok, want)
			}
		})
	}
}

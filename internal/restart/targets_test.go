package restart

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"announcer/internal/sip"
)

func TestParsePhone(t *testing.T) {
	for _, test := range []struct {
		text      string
		transport sip.Transport
		want      string // of the phone, or of the error
	}{
		{"192.0.2.31", sip.UDP, "192.0.2.31:5060"},
		{"192.0.2.31", sip.TLS, "192.0.2.31:5061"},
		{"192.0.2.31:5070", sip.TLS, "192.0.2.31:5070"},
		{"2001:db8::31", sip.UDP, "[2001:db8::31]:5060"},
		{"[2001:db8::31]", sip.UDP, "[2001:db8::31]:5060"},
		{"[2001:db8::31]:5070", sip.UDP, "[2001:db8::31]:5070"},
		{"::ffff:192.0.2.31", sip.UDP, "192.0.2.31:5060"},
		{"", sip.UDP, `"" is not the address of a phone; want one such as 192.0.2.31 or 192.0.2.31:5060`},
		{"phone-7", sip.UDP, `"phone-7" is not the address of a phone; want one such as 192.0.2.31 or 192.0.2.31:5060`},
		{"192.0.2.0/24", sip.UDP, `"192.0.2.0/24" is not the address of a phone; want one such as 192.0.2.31 or 192.0.2.31:5060`},
		{"192.0.2.31:0", sip.UDP, `"192.0.2.31:0" has the port 0; want one from 1 to 65535`},
		{"224.0.1.75", sip.UDP, `"224.0.1.75" is not the address of one phone; want one such as 192.0.2.31`},
		{"0.0.0.0", sip.UDP, `"0.0.0.0" is not the address of one phone; want one such as 192.0.2.31`},
		{"255.255.255.255", sip.UDP, `"255.255.255.255" is not the address of one phone; want one such as 192.0.2.31`},
	} {
		t.Run(fmt.Sprintf("%q over %s", test.text, test.transport), func(t *testing.T) {
			phone, err := ParsePhone(test.text, test.transport)
			got := phone.String()
			if err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("%q: %s, want %s", test.text, got, test.want)
			}
		})
	}
}

func TestParseList(t *testing.T) {
	phones, err := ParseList("list", []byte("# floor 1\n192.0.2.31 # reception\n\n  [2001:db8::31]:5070\r\n192.0.2.32"), sip.UDP)
	if want := "[192.0.2.31:5060 [2001:db8::31]:5070 192.0.2.32:5060]"; err != nil || fmt.Sprint(phones) != want {
		t.Errorf("%v, %v; want %s", phones, err, want)
	}
	for text, want := range map[string]string{
		"192.0.2.31\nx\n192.0.2.32:0\n": `list:2: "x" is not the address of a phone; want one such as 192.0.2.31 or 192.0.2.31:5060` + "\n" +
			`list:3: "192.0.2.32:0" has the port 0; want one from 1 to 65535`,
		"# nobody\n": "list: there is no phone in it; want an address on each line",
	} {
		t.Run(fmt.Sprintf("%.20q", text), func(t *testing.T) {
			if _, err := ParseList("list", []byte(text), sip.UDP); err == nil || err.Error() != want {
				t.Errorf("%q: %v\nwant %s", text, err, want)
			}
		})
	}
}

func TestParseNetwork(t *testing.T) {
	for _, test := range []struct {
		text        string
		count       int
		first, last string
	}{
		{"10.1.2.0/24", 254, "10.1.2.1:5060", "10.1.2.254:5060"},
		{"10.1.0.0/16", MaxHosts, "10.1.0.1:5060", "10.1.255.254:5060"},
		{"10.1.2.4/31", 2, "10.1.2.4:5060", "10.1.2.5:5060"},
		{"10.1.2.4/32", 1, "10.1.2.4:5060", "10.1.2.4:5060"},
		{"2001:db8::/120", 256, "[2001:db8::]:5060", "[2001:db8::ff]:5060"},
	} {
		t.Run(test.text, func(t *testing.T) {
			phones, err := ParseNetwork(test.text, sip.UDP)
			if err != nil || len(phones) != test.count || phones[0].String() != test.first || phones[len(phones)-1].String() != test.last {
				t.Errorf("%s: %d phones, %v", test.text, len(phones), err)
			}
		})
	}
	for text, want := range map[string]string{
		"10.1.2.0":      `"10.1.2.0" is not a network; want one such as 10.1.2.0/24`,
		"10.1.2.7/24":   `"10.1.2.7/24" is an address in a network; did you mean 10.1.2.0/24?`,
		"10.0.0.0/8":    "10.0.0.0/8 has more than 65534 addresses; want a /16 or smaller",
		"2001:db8::/64": "2001:db8::/64 has more than 65534 addresses; want a /112 or smaller",
		"224.0.0.0/24":  `"224.0.0.0/24" is multicast; want a network of phones, such as 10.1.2.0/24`,
	} {
		t.Run(text, func(t *testing.T) {
			if _, err := ParseNetwork(text, sip.UDP); err == nil || err.Error() != want {
				t.Errorf("%s: %v, want %s", text, err, want)
			}
		})
	}
}

func TestUnique(t *testing.T) {
	a, b := netip.MustParseAddrPort("192.0.2.1:5060"), netip.MustParseAddrPort("192.0.2.2:5060")
	if got := Unique([]netip.AddrPort{b, a, b, a}); !slices.Equal(got, []netip.AddrPort{b, a}) {
		t.Errorf("got %v", got)
	}
}

func FuzzParseList(f *testing.F) {
	f.Add("192.0.2.31 # x\n[::1]:5060\n")
	f.Fuzz(func(t *testing.T, text string) {
		phones, err := ParseList("list", []byte(text), sip.UDP)
		if err == nil && (len(phones) == 0 || strings.Count(text, "\n") < len(phones)-1) {
			t.Errorf("%q: %v", text, phones)
		}
	})
}

package phones

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
)

var start = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func asked(host string, after time.Duration, answered bool) mdns.Asked {
	return mdns.Asked{
		Time: start.Add(after), Link: "eth0", From: netip.MustParseAddr(host), Type: dnsname.MustParse("_digiumproxy._udp"), Answered: answered,
	}
}

func unknown(string, netip.Addr) string { return "" }

func TestAskers(t *testing.T) {
	var a Askers
	for i, step := range []mdns.Asked{
		asked("192.0.2.7", 0, false), asked("192.0.2.8", 1, true), asked("192.0.2.7", 2, true),
	} {
		if _, first := a.Add(step, unknown); first != (i < 2) {
			t.Errorf("question %d: first is %t", i, first)
		}
	}
	mac := func(_ string, host netip.Addr) string {
		if host == netip.MustParseAddr("192.0.2.7") {
			return "00:0F:D3:01:02:03"
		}
		return ""
	}
	digium := dnsname.MustParse("_digiumproxy._udp")
	want := []Asker{
		{Host: netip.MustParseAddr("192.0.2.7"), Link: "eth0", Type: digium, MAC: "00:0F:D3:01:02:03", Vendor: "Digium", First: start, Last: start.Add(2), Count: 2, Answered: 1},
		{Host: netip.MustParseAddr("192.0.2.8"), Link: "eth0", Type: digium, First: start.Add(1), Last: start.Add(1), Count: 1, Answered: 1},
	}
	if got := a.List(mac); !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := a.Counts(); !slices.Equal(got, []AskedCount{{"eth0", digium, 3}}) {
		t.Errorf("counts %+v", got)
	}
}

// TestServed counts hosts that were answered, each once whatever its addresses.
func TestServed(t *testing.T) {
	own := asked("192.0.2.1", 0, true)
	own.Own = true
	for _, test := range []struct {
		name  string
		asked []mdns.Asked
		macs  map[string]string
		want  int
	}{
		{"nobody", nil, nil, 0},
		{"this host", []mdns.Asked{own}, nil, 0},
		{"without an answer", []mdns.Asked{asked("192.0.2.6", 0, false)}, nil, 0},
		{"two addresses", []mdns.Asked{asked("192.0.2.7", 0, true), asked("192.0.2.8", 0, true)}, nil, 2},
		{"both IP versions", []mdns.Asked{asked("192.0.2.7", 0, true), asked("fe80::7", 0, true), asked("192.0.2.8", 0, true)}, nil, 2},
		{"two addresses of one hardware address", []mdns.Asked{asked("192.0.2.7", 0, true), asked("192.0.2.8", 0, true)},
			map[string]string{"192.0.2.7": "00:0f:d3:00:00:07", "192.0.2.8": "00:0f:d3:00:00:07"}, 1},
		{"one hardware address by both IP versions", []mdns.Asked{asked("192.0.2.7", 0, true), asked("fe80::7", 0, true)},
			map[string]string{"192.0.2.7": "00:0f:d3:00:00:07", "fe80::7": "00:0f:d3:00:00:07"}, 1},
		{"two hosts by different IP versions", []mdns.Asked{asked("192.0.2.7", 0, true), asked("fe80::8", 0, true)},
			map[string]string{"192.0.2.7": "00:0f:d3:00:00:07", "fe80::8": "00:0f:d3:00:00:08"}, 2},
		{"unknown by IPv6, perhaps the one that is known by IPv4", []mdns.Asked{asked("192.0.2.7", 0, true), asked("fe80::7", 0, true)},
			map[string]string{"192.0.2.7": "00:0f:d3:00:00:07"}, 1},
		{"more unknown by IPv6 than known by IPv4", []mdns.Asked{asked("192.0.2.7", 0, true), asked("fe80::7", 0, true), asked("fe80::8", 0, true)},
			map[string]string{"192.0.2.7": "00:0f:d3:00:00:07"}, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			var a Askers
			for _, q := range test.asked {
				a.Add(q, func(_ string, host netip.Addr) string { return test.macs[host.String()] })
			}
			if got := a.Served(); got != test.want {
				t.Errorf("%d hosts; want %d", got, test.want)
			}
		})
	}
}

func TestAskersAreBounded(t *testing.T) {
	var a Askers
	for i := range AskersMost + 10 {
		a.Add(asked(fmt.Sprintf("10.0.%d.%d", i/256, i%256), time.Duration(i), true), unknown)
		if i == AskersMost-1 {
			a.Add(asked("10.0.0.0", time.Duration(i), true), unknown) // so that it is not the oldest
		}
	}
	list := a.List(unknown)
	if len(list) != AskersMost || a.Forgotten() != 10 || list[0].Host != netip.MustParseAddr("10.0.16.9") {
		t.Errorf("%d hosts, %d forgotten, the last to ask is %s", len(list), a.Forgotten(), list[0].Host)
	}
	if !slices.ContainsFunc(list, func(h Asker) bool { return h.Host == netip.MustParseAddr("10.0.0.0") }) {
		t.Error("a host that asked again is forgotten before those that did not")
	}
	if slices.ContainsFunc(list, func(h Asker) bool { return h.Host == netip.MustParseAddr("10.0.0.1") }) {
		t.Error("the host that asked the longest time ago is remembered")
	}
}

func TestVendor(t *testing.T) {
	for _, test := range []struct{ name, mac, want string }{
		{"Digium", "00:0f:d3:12:34:56", "Digium"},
		{"Sangoma", "00:50:58:00:00:00", "Sangoma"},
		{"capitals", "00:0F:D3:AB:CD:EF", "Digium"},
		{"locally administered", "02:00:00:00:00:01", ""},
		{"none", "", ""},
		{"too short", "00", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := Vendor(test.mac); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

func TestEmbeddedMAC(t *testing.T) {
	for _, test := range []struct{ name, addr, want string }{
		{"modified EUI-64", "fe80::20f:d3ff:fe12:3456", "00:0f:d3:12:34:56"},
		{"short interface identifier", "fe80::1", ""},
		{"IPv4", "192.0.2.1", ""},
		{"IPv4 in IPv6", "::ffff:1.2.255.254", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := EmbeddedMAC(netip.MustParseAddr(test.addr)); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

package mdnstest

import (
	"slices"
	"testing"

	"github.com/miekg/dns"
)

func TestFacts(t *testing.T) {
	tests := []struct {
		name, answer, authority string
		want                    []Fact
	}{
		{"service", `Front\ office._http._tcp.local. 120 IN SRV 0 0 80 pbx.local.`, "", []Fact{{Announcement, "Front office"}}},
		{"host", "pbx.local. 120 IN A 192.0.2.5", "", []Fact{{Announcement, "pbx"}}},
		{"goodbye", "pbx.local. 0 IN A 192.0.2.5", "", []Fact{{Goodbye, "pbx"}}},
		{"probe", "", "pbx.local. 120 IN A 192.0.2.5", []Fact{{Probe, "pbx"}}},
		{"pointer, which many hosts share", `_http._tcp.local. 0 IN PTR Shop._http._tcp.local.`, "", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			message := dns.Msg{Answer: records(t, test.answer), Ns: records(t, test.authority)}
			if got := Facts(message); !slices.Equal(got, test.want) {
				t.Errorf("%v; want %v", got, test.want)
			}
		})
	}
}

func records(t *testing.T, text string) []dns.RR {
	t.Helper()
	if text == "" {
		return nil
	}
	record, err := dns.NewRR(text)
	if err != nil {
		t.Fatal(err)
	}
	return []dns.RR{record}
}

package web

import (
	"fmt"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/phones"
	"announcer/internal/status"
)

// large is a state with so many services and hosts that asked.
func large(services, hosts int) status.Status {
	phone := dnsname.MustParse("_digiumproxy._udp")
	s := status.Status{Time: began.Add(time.Hour), Healthy: true, Reload: status.Reload{OK: true}, Daemon: status.Daemon{Started: began}}
	for i := range services {
		s.Services = append(s.Services, status.Service{
			File: fmt.Sprintf("/etc/announcer/services/%05d.service", i), Name: fmt.Sprintf("Phones of floor %d", i), Type: phone, Port: 5060,
			Links: []status.OnLink{{Link: "eth0", State: mdns.Announced, Since: began.Add(time.Duration(i) * time.Second)}},
		})
	}
	first := netip.MustParseAddr("10.0.0.1")
	for i := range hosts {
		s.Asked.Hosts = append(s.Asked.Hosts, phones.Asker{
			Host: first, Link: "eth0", Type: phone, MAC: fmt.Sprintf("00:0f:d3:00:%02x:%02x", i/256, i%256), Vendor: "Digium",
			First: began, Last: began.Add(time.Duration(i) * time.Second), Count: uint64(i), Answered: uint64(i),
		})
		first = first.Next()
	}
	for i := range 60 {
		s.History = append(s.History, status.Minute{Time: began.Add(time.Duration(i) * time.Minute), Questions: uint64(i), Answers: 2})
	}
	return s
}

// BenchmarkEvents measures what a client costs that follows, for a thousand questions.
func BenchmarkEvents(b *testing.B) {
	var batch []status.Event
	for _, a := range large(0, 1000).Asked.Hosts {
		batch = append(batch, status.Event{Asked: &status.AskedEvent{
			Asked: mdns.Asked{Time: a.Last, Link: a.Link, Type: a.Type, From: a.Host, Answered: true}, MAC: a.MAC, Vendor: a.Vendor,
		}})
	}
	b.ReportAllocs()
	for b.Loop() {
		encode(batch)
	}
}

// BenchmarkPage measures a request of the page with 10,000 services and 4,096 hosts that asked.
func BenchmarkPage(b *testing.B) {
	h := Handler(&daemon{state: large(10_000, phones.AskersMost)})
	for name, query := range map[string]string{
		"first": "/", "sorted": "/?sort-services=-1&sort-phones=1", "last page": "/?page-services=100", "search": "/?q=floor+99", "search for nothing": "/?q=none",
		"status.json": "/status.json",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				answer := httptest.NewRecorder()
				h.ServeHTTP(answer, httptest.NewRequest("GET", query, nil))
				if answer.Code != 200 {
					b.Fatal(answer.Code)
				}
			}
		})
	}
}

package browse_test

import (
	"context"
	"fmt"
	"time"

	"announcer/internal/dnsname"
	"announcer/internal/mdns/browse"
	"announcer/internal/netwatch"
	"announcer/services"
)

// Phone servers that answer within two seconds, on every link of this host.
func ExampleServices() {
	links, err := netwatch.Read()
	if err != nil {
		fmt.Println(err)
		return
	}
	links, _ = netwatch.Select(links, nil, nil)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	question := browse.Question{Type: dnsname.MustParse("_digiumproxy._udp"), Domain: dnsname.MustParse("local")}
	found, err := browse.Services(ctx, []browse.Question{question}, links)
	for _, e := range found {
		fmt.Println(e.Link, e.Instance, e.Host, e.Port, e.TXT)
	}
	if err != nil {
		fmt.Println(err)
	}
}

func ExampleCompare() {
	entry := func(instance string, port uint16) browse.Entry {
		return browse.Entry{Link: "eth0", Instance: instance, Type: dnsname.MustParse("_sip._udp"), Domain: dnsname.MustParse("local"),
			Host: dnsname.MustParse("pbx.local"), Port: port, TXT: services.TXT{}}
	}
	want := []browse.Expected{{ID: "desk.service", Entry: entry("Desk", 5060)}, {ID: "door.service", Entry: entry("Door", 5060)}}
	for _, r := range browse.Compare(want, []browse.Entry{entry("Desk", 5061), entry("Hall", 5060)}, nil) {
		fmt.Println(r.Verdict, r.Differences)
	}
	// Output:
	// differs [{port 5060 5061}]
	// missing []
	// foreign []
}

package stranger_test

import (
	"context"
	"fmt"
	"time"

	"announcer/internal/dnsname"
	"announcer/internal/mdns/browse"
	"announcer/internal/mdns/stranger"
	"announcer/internal/netwatch"
)

// Phone servers that another library sees within five seconds.
func ExampleServices() {
	links, err := netwatch.Read()
	if err != nil {
		fmt.Println(err)
		return
	}
	links, _ = netwatch.Select(links, nil, nil)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	seen, err := stranger.Services(ctx, browse.Question{Type: dnsname.MustParse("_digiumproxy._udp"), Domain: dnsname.MustParse("local")}, links)
	for _, e := range seen {
		fmt.Println(e.Link, e.Instance, e.Host, e.Port)
	}
	if err != nil {
		fmt.Println(err)
	}
}

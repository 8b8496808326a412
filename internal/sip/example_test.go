package sip_test

import (
	"context"
	"fmt"
	"time"

	"announcer/internal/sip"
	"announcer/internal/testkit/siptest"
)

func ExampleAlive() {
	server, err := siptest.Start("udp", "127.0.0.1:0", siptest.Answers("200 OK"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	target, err := sip.ParseURL("sip:" + server.Addr.String())
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	fmt.Println(sip.Alive(ctx, target))
	// Output: 200 OK <nil>
}

func ExampleParseURL() {
	target, err := sip.ParseURL("sip:proxy@[2001:db8::20];transport=tls")
	fmt.Println(target.User, target.Address(), target.Transport, err)
	// Output: proxy [2001:db8::20]:5061 tls <nil>
}

package libsock_test

import (
	"fmt"

	"github.com/grandcat/zeroconf"

	"announcer/internal/mdns/libsock"
)

// A resolver that hears eth0 alone.
func ExampleOfResolver() {
	resolver, err := zeroconf.NewResolver()
	if err != nil {
		fmt.Println(err)
		return
	}
	sockets, err := libsock.OfResolver(resolver)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := sockets.Bind("eth0"); err != nil {
		sockets.Close()
		fmt.Println(err)
	}
}

// Zeroconf announces services with github.com/grandcat/zeroconf, until its standard input ends. A line "add" there
// adds a service, a line "remove" takes the last one away.
//
//	zeroconf INTERFACE NUMBER
package main

import (
	"bufio"
	"log"
	"net"
	"os"
	"strconv"
	"sync"

	"github.com/grandcat/zeroconf"

	"announcer/bench"
)

func main() {
	iface, err := net.InterfaceByName(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	n, err := strconv.Atoi(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	var servers []*zeroconf.Server
	add := func() {
		s, err := zeroconf.Register(bench.Name(len(servers)), bench.Type, "local.", bench.Port, bench.Text(), []net.Interface{*iface})
		if err != nil {
			log.Fatal(err)
		}
		servers = append(servers, s)
	}
	for range n {
		add()
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		switch last := len(servers) - 1; lines.Text() {
		case "add":
			add()
		case "remove":
			servers[last].Shutdown()
			servers = servers[:last]
		}
	}
	var ends sync.WaitGroup
	for _, s := range servers {
		ends.Go(s.Shutdown)
	}
	ends.Wait()
}

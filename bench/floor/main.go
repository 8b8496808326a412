// Floor answers every query with the bytes of a file, by unicast, whatever it asks for. No responder in Go that reads
// one packet at a time can cost less.
//
//	floor INTERFACE FILE
package main

import (
	"log"
	"net"
	"net/netip"
	"os"
)

const flagResponse = 0x80 // in the third byte of a message

func main() {
	iface, err := net.InterfaceByName(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	answer, err := os.ReadFile(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	group := net.UDPAddrFromAddrPort(netip.MustParseAddrPort("224.0.0.251:5353"))
	conn, err := net.ListenMulticastUDP("udp4", iface, group)
	if err != nil {
		log.Fatal(err)
	}
	packet := make([]byte, 9000)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(packet)
		if err != nil {
			log.Fatal(err)
		}
		if n > 2 && packet[2]&flagResponse == 0 {
			conn.WriteToUDPAddrPort(answer, from)
		}
	}
}

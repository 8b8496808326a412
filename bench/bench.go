// Package bench compares the costs of announcer with those of avahi-daemon, github.com/grandcat/zeroconf,
// github.com/brutella/dnssd and a floor, a program that answers every packet with the same bytes. They take turns
// on one machine in one run, each in a separate network: two namespaces and a cable, the responder on one side and
// the load on the other.
//
// It also measures a fleet: a thousand hosts in one process that take their definitions from a cluster of etcd.
//
// `go test` runs all of it with small numbers, as a test. `make bench` runs it in full and writes the
// tables of docs/performance.md and docs/fleet.md. The package itself holds what the programs in its folders announce. It is
// a separate module because of the other libraries.
package bench

import "fmt"

// What all responders announce, except the number in the name.
const (
	Type = "_digiumproxy._udp"
	Port = 5060
)

// Text returns the strings of the TXT record.
func Text() []string {
	return []string{"sipUrl=sip:proxy@192.0.2.1:5060;transport=udp", "serviceType=asterisk"}
}

// Name returns the instance name of service i: without a space, since zeroconf answers for no name with one.
func Name(i int) string { return fmt.Sprintf("Server-%05d", i) }

//go:build linux

package netlab_test

import (
	"net"
	"testing"

	"announcer/internal/testkit/netlab"
)

var t *testing.T // of the test that the example stands for

// A phone at the other end of a cable. The TestMain of the package calls netlab.Main.
func ExampleVeth() {
	netlab.Need(t)
	phone := netlab.NewHost(t)
	netlab.Veth(t, netlab.End{Name: "eth0", Addrs: []string{"192.0.2.5/24"}}, netlab.End{Host: phone, Name: "eth0", Addrs: []string{"192.0.2.31/24"}})
	var err error
	phone.Do(func() {
		var conn net.Conn
		if conn, err = net.Dial("udp4", "192.0.2.5:5353"); err == nil {
			conn.Close()
		}
	})
	if err != nil {
		t.Error(err)
	}
}

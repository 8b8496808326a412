package link

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"testing"

	"announcer/internal/testkit/netlab"
)

// A table is read whole, however many sockets there are.
func TestReadTable(t *testing.T) {
	netlab.Need(t)
	for _, network := range []string{"udp4", "udp6"} {
		for _, sockets := range []int{0, 1, 20, 22, 23, 24, 29, 30, 31, 32, 60, 64, 500} {
			t.Run(fmt.Sprintf("%s, %d sockets", network, sockets), func(t *testing.T) {
				netlab.NewHost(t).Do(func() {
					addr, table := "127.0.0.1:0", "/proc/thread-self/net/udp"
					if network == "udp6" {
						addr, table = "[::1]:0", table+"6"
					}
					for range sockets {
						c, err := net.ListenPacket(network, addr)
						if err != nil {
							t.Error(err)
							return
						}
						defer c.Close()
					}
					want, err := os.ReadFile(table)
					if err != nil {
						t.Error(err)
					}
					if got, err := readTable(table); err != nil || !bytes.Equal(got, want) || bytes.Count(got, []byte("\n")) != 1+sockets {
						t.Errorf("error %v; read:\n%s\nwant:\n%s", err, got, want)
					}
				})
			})
		}
	}
	if _, err := readTable("/proc/thread-self/net/none"); !os.IsNotExist(err) {
		t.Errorf("error %v for a table that is not there", err)
	}
}

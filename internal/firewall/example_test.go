package firewall_test

import (
	"fmt"

	"announcer/internal/firewall"
	"announcer/internal/publication"
)

// A firewall that lets in nothing but what was asked for.
func ExampleRules_Judge() {
	rules := firewall.ParseIPTables("iptables-save", publication.V4, []byte(`*filter
:INPUT DROP [0:0]
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p udp -m udp --dport 5060 -j ACCEPT
COMMIT
`))
	verdict, by := rules.Judge(firewall.Packet{Interface: "eth0", Version: publication.V4})
	fmt.Println(verdict == firewall.Drops, by)
	// Output: true the policy of chain INPUT (iptables-save, table filter)
}

package firewall

import (
	"strings"
	"testing"

	"announcer/internal/publication"
)

// verdicts are those on a packet that comes in on eth0, and on one that goes out there, by IPv4.
type verdicts struct{ in, out Verdict }

func judge(rs Rules) verdicts {
	in, _ := rs.Judge(Packet{Interface: "eth0", Version: publication.V4})
	out, _ := rs.Judge(Packet{Interface: "eth0", Version: publication.V4, Out: true})
	return verdicts{in, out}
}

// TestIPTables checks rules as iptables-save prints them.
func TestIPTables(t *testing.T) {
	for _, test := range []struct {
		name, rules string
		want        verdicts
	}{
		{"no rule", ":INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]", verdicts{}},
		{"a policy", ":INPUT DROP [0:0]\n:OUTPUT DROP [0:0]", verdicts{Drops, Drops}},
		{"the port", ":INPUT ACCEPT [0:0]\n-A INPUT -p udp -m udp --dport 5353 -j DROP", verdicts{in: Drops}},
		{"the port, refused", ":OUTPUT ACCEPT [0:0]\n-A OUTPUT -p udp -m udp --dport 5353 -j REJECT --reject-with icmp-port-unreachable", verdicts{out: Drops}},
		{"the port of TCP", ":INPUT ACCEPT [0:0]\n-A INPUT -p tcp -m tcp --dport 5353 -j DROP", verdicts{}},
		{"another port", ":INPUT ACCEPT [0:0]\n-A INPUT -p udp -m udp --dport 53 -j DROP", verdicts{}},
		{"a range of ports", ":INPUT ACCEPT [0:0]\n-A INPUT -p udp -m udp --dport 1024:65535 -j DROP", verdicts{in: Drops}},
		{"several ports", ":INPUT DROP [0:0]\n-A INPUT -p udp -m multiport --dports 53,5350:5359 -j ACCEPT", verdicts{}},
		{"all except the port", ":INPUT ACCEPT [0:0]\n-A INPUT -p udp -m udp ! --dport 5353 -j DROP", verdicts{}},
		{"all except another port", ":INPUT ACCEPT [0:0]\n-A INPUT -p udp -m udp ! --dport 53 -j DROP", verdicts{in: Drops}},
		{"the group is let in", ":INPUT DROP [0:0]\n-A INPUT -d 224.0.0.251/32 -p udp -m udp --dport 5353 -j ACCEPT", verdicts{}},
		{"another group is let in", ":INPUT DROP [0:0]\n-A INPUT -d 239.255.255.250/32 -p udp -j ACCEPT", verdicts{in: Drops}},
		{"multicast is let in", ":INPUT DROP [0:0]\n-A INPUT -m addrtype --dst-type MULTICAST -j ACCEPT", verdicts{}},
		{"what was asked for is let in", ":INPUT DROP [0:0]\n-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", verdicts{in: Drops}},
		{"new things are let in", ":INPUT DROP [0:0]\n-A INPUT -m state --state NEW -j ACCEPT", verdicts{}},
		{"a network is let in", ":INPUT DROP [0:0]\n-A INPUT -s 192.0.2.0/24 -j ACCEPT", verdicts{in: MayDrop}},
		{"any source is let in", ":INPUT DROP [0:0]\n-A INPUT -s 0.0.0.0/0 -j ACCEPT", verdicts{}},
		{"the loopback is let in", ":INPUT DROP [0:0]\n-A INPUT -i lo -j ACCEPT", verdicts{in: Drops}},
		{"interfaces are let in", ":INPUT DROP [0:0]\n-A INPUT -i eth+ -j ACCEPT", verdicts{}},
		{"out by an interface", ":OUTPUT ACCEPT [0:0]\n-A OUTPUT -o eth0 -p udp --dport 5353 -j DROP", verdicts{out: Drops}},
		{"a limit", ":INPUT ACCEPT [0:0]\n-A INPUT -p udp -m limit --limit 1/sec -j ACCEPT\n-A INPUT -p udp -j DROP", verdicts{in: MayDrop}},
		{"a comment", ":INPUT ACCEPT [0:0]\n-A INPUT -m comment --comment \"no -j ACCEPT here\" -p udp --dport 5353 -j DROP", verdicts{in: Drops}},
		{"a log", ":INPUT ACCEPT [0:0]\n-A INPUT -p udp -j LOG --log-prefix \"[UFW BLOCK] \"", verdicts{}},
		{"the table raw", "COMMIT\n*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p udp --dport 5353 -j DROP", verdicts{in: Drops}},
		{"the table nat", "COMMIT\n*nat\n:INPUT ACCEPT [0:0]\n-A INPUT -p udp --dport 5353 -j DROP", verdicts{}},
		{"a chain that drops", ":INPUT ACCEPT [0:0]\n:mine - [0:0]\n-A INPUT -j mine\n-A mine -p udp --dport 5353 -j DROP", verdicts{in: Drops}},
		{"a chain that returns", ":INPUT ACCEPT [0:0]\n:mine - [0:0]\n-A INPUT -j mine\n-A mine -p udp -j RETURN\n-A mine -j DROP", verdicts{}},
		{"a chain without return", ":INPUT DROP [0:0]\n:mine - [0:0]\n-A INPUT -g mine\n-A INPUT -j ACCEPT\n-A mine -p tcp -j DROP", verdicts{in: Drops}},
		{"a chain that calls itself", ":INPUT ACCEPT [0:0]\n:mine - [0:0]\n-A INPUT -j mine\n-A mine -j mine", verdicts{}},
		{"ufw", ufw, verdicts{}},
		{"ufw without multicast DNS", strings.Replace(ufw, "-A ufw-before-input -d 224.0.0.251/32 -p udp -m udp --dport 5353 -j ACCEPT\n", "", 1), verdicts{in: Drops}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := judge(ParseIPTables("iptables-save", publication.V4, []byte("*filter\n"+test.rules+"\nCOMMIT\n"))); got != test.want {
				t.Errorf("got %v; want %v", got, test.want)
			}
		})
	}
}

// ufw has the rules of ufw in its usual form, shortened.
const ufw = `:INPUT DROP [0:0]
:OUTPUT ACCEPT [0:0]
:ufw-before-input - [0:0]
:ufw-not-local - [0:0]
:ufw-user-input - [0:0]
:ufw-after-input - [0:0]
:ufw-skip-to-policy-input - [0:0]
-A INPUT -j ufw-before-input
-A INPUT -j ufw-after-input
-A ufw-before-input -i lo -j ACCEPT
-A ufw-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A ufw-before-input -m conntrack --ctstate INVALID -j DROP
-A ufw-before-input -p udp -m udp --sport 67 --dport 68 -j ACCEPT
-A ufw-before-input -j ufw-not-local
-A ufw-before-input -d 224.0.0.251/32 -p udp -m udp --dport 5353 -j ACCEPT
-A ufw-before-input -j ufw-user-input
-A ufw-not-local -m addrtype --dst-type LOCAL -j RETURN
-A ufw-not-local -m addrtype --dst-type MULTICAST -j RETURN
-A ufw-not-local -m limit --limit 3/min --limit-burst 10 -j LOG
-A ufw-not-local -j DROP
-A ufw-user-input -p tcp -m tcp --dport 22 -j ACCEPT
-A ufw-after-input -p udp -m udp --dport 137 -j ufw-skip-to-policy-input
-A ufw-skip-to-policy-input -j DROP`

// TestNFT checks rules as nft prints them: a chain at the hook input, and expressions of rules in it.
func TestNFT(t *testing.T) {
	const (
		port = `{"match":{"op":"==","left":{"payload":{"protocol":"udp","field":"dport"}},"right":5353}}`
		drop = `{"drop":null}`
	)
	match := func(left, right string) string {
		return `{"match":{"op":"==","left":` + left + `,"right":` + right + `}}`
	}
	for _, test := range []struct {
		name, policy string
		rules        []string // expressions of each
		want         Verdict
	}{
		{"no rule", "accept", nil, Passes},
		{"a policy", "drop", nil, Drops},
		{"the port", "accept", []string{port + "," + drop}, Drops},
		{"the port, counted", "accept", []string{port + `,{"counter":{"packets":0,"bytes":0}},` + drop}, Drops},
		{"the port, refused", "accept", []string{port + `,{"reject":{"type":"icmpx","expr":"admin-prohibited"}}`}, Drops},
		{"not the port", "accept", []string{strings.Replace(port, "==", "!=", 1) + "," + drop}, Passes},
		{"less than the port", "accept", []string{strings.Replace(port, "==", "<", 1) + "," + drop}, MayDrop},
		{"a set of ports", "accept", []string{match(`{"payload":{"protocol":"udp","field":"dport"}}`, `{"set":[53,{"range":[5300,5400]}]}`) + "," + drop}, Drops},
		{"a named set", "accept", []string{match(`{"payload":{"protocol":"udp","field":"dport"}}`, `"@ports"`) + "," + drop}, MayDrop},
		{"UDP", "accept", []string{match(`{"meta":{"key":"l4proto"}}`, `"udp"`) + "," + drop}, Drops},
		{"TCP", "accept", []string{match(`{"payload":{"protocol":"tcp","field":"dport"}}`, `5353`) + "," + drop}, Passes},
		{"the group", "drop", []string{match(`{"payload":{"protocol":"ip","field":"daddr"}}`, `"224.0.0.251"`) + `,{"accept":null}`}, Passes},
		{"a network of groups", "drop", []string{match(`{"payload":{"protocol":"ip","field":"daddr"}}`, `{"prefix":{"addr":"224.0.0.0","len":4}}`) + `,{"accept":null}`}, Passes},
		{"a group of IPv6", "drop", []string{match(`{"payload":{"protocol":"ip6","field":"daddr"}}`, `"ff02::fb"`) + `,{"accept":null}`}, Drops},
		{"a source", "accept", []string{match(`{"payload":{"protocol":"ip","field":"saddr"}}`, `"192.0.2.9"`) + "," + drop}, MayDrop},
		{"the interface", "accept", []string{match(`{"meta":{"key":"iifname"}}`, `"eth*"`) + "," + drop}, Drops},
		{"another interface", "accept", []string{match(`{"meta":{"key":"iifname"}}`, `"lo"`) + "," + drop}, Passes},
		{"an interface to go out by", "accept", []string{match(`{"meta":{"key":"oifname"}}`, `"eth0"`) + "," + drop}, Passes},
		{"multicast", "accept", []string{match(`{"meta":{"key":"pkttype"}}`, `"multicast"`) + "," + drop}, Drops},
		{"multicast by its address", "drop", []string{match(`{"fib":{"result":"type","flags":"daddr"}}`, `"multicast"`) + `,{"accept":null}`}, Passes},
		{"IPv6", "accept", []string{match(`{"meta":{"key":"nfproto"}}`, `"ipv6"`) + "," + drop}, Passes},
		{"states", "drop", []string{match(`{"ct":{"key":"state"}}`, `["established","related"]`) + `,{"accept":null}`}, Drops},
		{"a map of states", "accept", []string{`{"vmap":{"key":{"ct":{"key":"state"}},"data":{"set":[["established",{"accept":null}],["invalid",{"drop":null}]]}}}`}, Passes},
		{"a map that drops", "accept", []string{`{"vmap":{"key":{"ct":{"key":"state"}},"data":{"set":[["established",{"accept":null}],["new",{"drop":null}]]}}}`}, Drops},
		{"a named map, which may accept", "drop", []string{`{"vmap":{"key":{"meta":{"key":"iifname"}},"data":"@zones"}}`}, MayDrop},
		{"a limit", "accept", []string{port + `,{"limit":{"rate":1,"per":"second"}},` + drop}, MayDrop},
		{"an extension of iptables", "accept", []string{`{"xt":{"type":"match","name":"recent"}},` + drop}, MayDrop},
		{"a chain", "accept", []string{`{"jump":{"target":"mine"}}`}, Drops},
		{"a chain without return", "accept", []string{`{"goto":{"target":"mine"}}`}, Drops},
		{"an unknown chain", "accept", []string{`{"jump":{"target":"gone"}}`}, Passes},
		{"accepted before", "accept", []string{port + `,{"accept":null}`, drop}, Passes},
	} {
		t.Run(test.name, func(t *testing.T) {
			items := []string{
				`{"chain":{"family":"inet","table":"t","name":"c","type":"filter","hook":"input","prio":0,"policy":"` + test.policy + `"}}`,
				`{"chain":{"family":"inet","table":"t","name":"mine"}}`,
				`{"rule":{"family":"inet","table":"t","chain":"mine","handle":9,"expr":[` + port + "," + drop + `]}}`,
			}
			for _, expr := range test.rules {
				items = append(items, `{"rule":{"family":"inet","table":"t","chain":"c","handle":7,"expr":[`+expr+`]}}`)
			}
			rs, err := ParseNFT([]byte(`{"nftables":[` + strings.Join(items, ",") + `]}`))
			if err != nil {
				t.Fatal(err)
			}
			if got := judge(rs).in; got != test.want {
				t.Errorf("got %v; want %v", got, test.want)
			}
		})
	}
}

// TestStrangeList wants an error, or rules without effect, for what is not a list of rules.
func TestStrangeList(t *testing.T) {
	for _, test := range []struct {
		name, list string
		ok         bool
	}{
		{"empty", "", false},
		{"not JSON", "table inet t {}", false},
		{"no rules", `{"nftables":[]}`, true},
		{"a rule without a chain", `{"nftables":[{"rule":{"family":"ip","table":"t","chain":"c","expr":[{"drop":null}]}}]}`, true},
		{"a match of numbers", `{"nftables":[{"chain":{"family":"ip","table":"t","name":"c","hook":"input"}},{"rule":{"family":"ip","table":"t","chain":"c","expr":[{"match":7},{"vmap":7},{"jump":7}]}}]}`, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			rs, err := ParseNFT([]byte(test.list))
			if (err == nil) != test.ok {
				t.Fatal(err)
			}
			if got := judge(rs); got != (verdicts{}) {
				t.Errorf("got %v", got)
			}
		})
	}
}

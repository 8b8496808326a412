package firewall

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"

	"announcer/internal/mdns"
	"announcer/internal/publication"
)

// ParseNFT reads what "nft --json list ruleset" prints (libnftables-json(5)).
func ParseNFT(text []byte) (Rules, error) {
	var list struct {
		Items []struct {
			Chain *nftChain `json:"chain"`
			Rule  *nftRule  `json:"rule"`
		} `json:"nftables"`
	}
	if err := json.Unmarshal(text, &list); err != nil {
		return Rules{}, fmt.Errorf("the list of nft is not what was expected: %w", err)
	}
	rs := Rules{chains: map[string]*chain{}}
	for _, item := range list.Items {
		if item.Chain != nil {
			rs.addNFT(*item.Chain)
		}
	}
	for _, item := range list.Items {
		if r := item.Rule; r != nil && rs.chains[r.in()] != nil {
			c := rs.chains[r.in()]
			c.rules = append(c.rules, r.rules()...)
		}
	}
	return rs, nil
}

// nftChain is a chain in a list of nft.
type nftChain struct {
	Family, Table, Name, Type, Hook, Dev, Policy string
}

func (rs *Rules) addNFT(n nftChain) {
	c := &chain{name: fmt.Sprintf("chain %s of table %s %s", n.Name, n.Family, n.Table), drops: n.Policy == "drop", on: n.Dev}
	switch n.Family {
	case "ip":
		c.versions = []publication.IPVersion{publication.V4}
	case "ip6":
		c.versions = []publication.IPVersion{publication.V6}
	case "inet", "netdev":
		c.versions = []publication.IPVersion{publication.V4, publication.V6}
	}
	rs.chains[chainKey(n.Family, n.Table, n.Name)] = c
	if n.Type == "nat" {
		return
	}
	c.out = n.Hook == "output" || n.Hook == "postrouting" || n.Hook == "egress"
	if c.out || n.Hook == "input" || n.Hook == "prerouting" || n.Hook == "ingress" {
		rs.bases = append(rs.bases, c)
	}
}

func chainKey(family, table, name string) string { return "nft " + family + " " + table + " " + name }

// nftRule is a rule in a list of nft.
type nftRule struct {
	Family, Table, Chain string
	Handle               int
	Expr                 []map[string]json.RawMessage
}

// in returns the key of the chain that the rule is in.
func (n nftRule) in() string { return chainKey(n.Family, n.Table, n.Chain) }

// rules returns the rule, a map of verdicts in it as a rule for each of its elements.
func (n nftRule) rules() []rule {
	text := fmt.Sprintf("the rule with handle %d in chain %s of table %s %s", n.Handle, n.Chain, n.Family, n.Table)
	var all []rule
	var conditions []condition
	for _, statement := range n.Expr {
		for kind, value := range statement {
			switch kind {
			case "match":
				conditions = append(conditions, nftMatch(value))
			case "vmap":
				all = append(all, n.choices(text, conditions, value)...)
			case "accept", "drop", "reject", "return", "jump", "goto":
				r := n.verdict(statement)
				r.text, r.conditions = text, slices.Clone(conditions)
				all = append(all, r)
			case "limit", "xt", "queue", "connlimit", "ct count":
				conditions = append(conditions, is(unknown))
			}
		}
	}
	return all
}

// verdict returns a rule that does what a statement says.
func (n nftRule) verdict(statement map[string]json.RawMessage) rule {
	for kind, value := range statement {
		var to struct{ Target string }
		if kind == "jump" || kind == "goto" {
			_ = json.Unmarshal(value, &to) // a chain without a name is not known
		}
		target := chainKey(n.Family, n.Table, to.Target)
		switch kind {
		case "accept":
			return rule{action: accept}
		case "drop", "reject":
			return rule{action: drop}
		case "return":
			return rule{action: back}
		case "jump":
			return rule{action: jump, target: target}
		case "goto":
			return rule{action: follow, target: target}
		}
	}
	return rule{}
}

// choices returns a rule for each element of a map of verdicts.
func (n nftRule) choices(text string, conditions []condition, value json.RawMessage) []rule {
	var m struct {
		Key  json.RawMessage
		Data struct {
			Set [][2]json.RawMessage
		}
	}
	if err := json.Unmarshal(value, &m); err != nil {
		return []rule{{text: text, conditions: append(slices.Clone(conditions), is(unknown)), action: accept}} // a named map
	}
	var all []rule
	for _, element := range m.Data.Set {
		var verdict map[string]json.RawMessage
		if err := json.Unmarshal(element[1], &verdict); err != nil {
			continue
		}
		r := n.verdict(verdict)
		r.text, r.conditions = text, append(slices.Clone(conditions), nftField(m.Key)(element[0]))
		all = append(all, r)
	}
	return all
}

// nftMatch reads a condition.
func nftMatch(value json.RawMessage) condition {
	var m struct {
		Op          string
		Left, Right json.RawMessage
	}
	if err := json.Unmarshal(value, &m); err != nil {
		return is(unknown)
	}
	c := nftField(m.Left)(m.Right)
	switch m.Op {
	case "==", "in":
		return c
	case "!=":
		return c.not()
	}
	return is(unknown)
}

// nftField returns what makes a condition of a value that the left side of a match is compared with.
func nftField(left json.RawMessage) func(right json.RawMessage) condition {
	test := nftTest(left)
	if test == nil {
		return func(json.RawMessage) condition { return is(unknown) }
	}
	return func(right json.RawMessage) condition {
		var all []condition
		for _, v := range nftValues(right) {
			all = append(all, func(p Packet) answer { return test(p, v) })
		}
		return either(all)
	}
}

// nftTest returns how a packet is compared with a value by what stands at the left side of a match; nil if that is not known.
func nftTest(left json.RawMessage) func(Packet, value) answer {
	var l struct {
		Payload struct{ Protocol, Field string }
		Meta    struct{ Key string }
		CT      struct{ Key string }
		FIB     struct {
			Result string
			Flags  json.RawMessage
		}
	}
	if err := json.Unmarshal(left, &l); err != nil {
		return nil
	}
	switch field := l.Payload.Protocol + " " + l.Payload.Field; {
	case field == "udp dport", field == "udp sport", field == "th dport", field == "th sport":
		return func(_ Packet, v value) answer { return v.holds(mdns.Port) }
	case strings.HasPrefix(field, "tcp "), strings.HasPrefix(field, "icmp"), strings.HasPrefix(field, "sctp "), strings.HasPrefix(field, "arp "):
		return func(Packet, value) answer { return no }
	case field == "ip daddr", field == "ip6 daddr":
		return func(p Packet, v value) answer { return v.contains(p, field == "ip daddr") }
	case field == "ip protocol", field == "ip6 nexthdr", l.Meta.Key == "l4proto":
		return func(_ Packet, v value) answer { return v.named("udp", "17") }
	case l.Meta.Key == "nfproto", l.Meta.Key == "protocol":
		return func(p Packet, v value) answer { return v.named(families[p.Version]...) }
	case l.Meta.Key == "iifname", l.Meta.Key == "iif":
		return func(p Packet, v value) answer { return v.isInterface(p.Interface, !p.Out) }
	case l.Meta.Key == "oifname", l.Meta.Key == "oif":
		return func(p Packet, v value) answer { return v.isInterface(p.Interface, p.Out) }
	case l.Meta.Key == "pkttype":
		return func(_ Packet, v value) answer { return v.named("multicast") }
	case l.CT.Key == "state":
		return func(_ Packet, v value) answer { return v.named("new") }
	case l.FIB.Result == "type" && strings.Contains(string(l.FIB.Flags), "daddr"):
		return func(_ Packet, v value) answer { return v.named("multicast") }
	}
	return nil
}

// families are the words and numbers for IP versions.
var families = map[publication.IPVersion][]string{
	publication.V4: {"ipv4", "ip", "2"},
	publication.V6: {"ipv6", "ip6", "10"},
}

// value is what a packet is compared with: a word or number, a network, or a range.
type value struct {
	text     string
	prefix   netip.Prefix
	from, to string // of a range
	strange  bool   // it is not known what it is
}

// nftValues reads the right side of a match.
func nftValues(right json.RawMessage) []value {
	var list []json.RawMessage
	var object struct {
		Set    []json.RawMessage
		Range  []json.RawMessage
		Prefix struct {
			Addr string
			Len  int
		}
	}
	switch {
	case json.Unmarshal(right, &list) == nil:
	case json.Unmarshal(right, &object) != nil: // a word or a number
		return []value{wordValue(nftWord(right))}
	case object.Set != nil:
		list = object.Set
	case len(object.Range) == 2:
		return []value{{from: nftWord(object.Range[0]), to: nftWord(object.Range[1])}}
	case object.Prefix.Addr != "":
		addr, _ := netip.ParseAddr(object.Prefix.Addr)
		return []value{{prefix: netip.PrefixFrom(addr, object.Prefix.Len)}}
	default:
		return []value{{strange: true}}
	}
	var all []value
	for _, one := range list {
		all = append(all, nftValues(one)...)
	}
	return all
}

// nftWord returns a JSON string or number as text.
func nftWord(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	return string(raw)
}

// wordValue reads a word, a number, a network or an address. "@name" is a set of the ruleset.
func wordValue(text string) value {
	if strings.HasPrefix(text, "@") {
		return value{strange: true}
	}
	v := value{text: text}
	if prefix, err := netip.ParsePrefix(text); err == nil {
		v.prefix = prefix
	} else if addr, err := netip.ParseAddr(text); err == nil {
		v.prefix = netip.PrefixFrom(addr, addr.BitLen())
	}
	return v
}

// holds reports whether a port is the value or in its range.
func (v value) holds(port int) answer {
	low, errLow := strconv.Atoi(v.from)
	high, errHigh := strconv.Atoi(v.to)
	switch {
	case v.strange:
		return unknown
	case errLow == nil && errHigh == nil:
		return which(low <= port && port <= high)
	}
	return which(v.text == strconv.Itoa(port) || v.text == "mdns")
}

// contains reports whether the group is in a network of an IP version.
func (v value) contains(p Packet, isIPv4 bool) answer {
	switch {
	case isIPv4 != (p.Version == publication.V4):
		return no
	case !v.prefix.IsValid():
		return unknown
	}
	return which(v.prefix.Contains(mdns.Group(p.Version).Addr()))
}

func (v value) named(words ...string) answer {
	if v.strange || v.from != "" {
		return unknown
	}
	return which(slices.Contains(words, v.text))
}

// isInterface reports whether the value is a name, or a glob of names, of the interface that the packet has on this side.
func (v value) isInterface(name string, hasOne bool) answer {
	if v.strange {
		return unknown
	}
	ok, _ := path.Match(v.text, name)
	return which(hasOne && ok)
}

package firewall

import (
	"slices"
	"strings"

	"announcer/internal/mdns"
	"announcer/internal/publication"
)

// ParseIPTables reads what iptables-save or, for IPv6, ip6tables-save prints. tool, the name of the program, is for people.
func ParseIPTables(tool string, version publication.IPVersion, text []byte) Rules {
	rs := Rules{chains: map[string]*chain{}}
	table := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "*"):
			table = line[1:]
		case strings.HasPrefix(line, ":"):
			rs.addIPTables(tool, table, version, strings.Fields(line[1:]))
		case strings.HasPrefix(line, "-A "):
			words := splitWords(line)
			if c := rs.chains[tool+" "+table+" "+words[1]]; c != nil {
				c.rules = append(c.rules, iptablesRule(tool+" "+table+" ", version, line, words[2:]))
			}
		}
	}
	return rs
}

// addIPTables adds a chain: its name and its policy.
func (rs *Rules) addIPTables(tool, table string, version publication.IPVersion, words []string) {
	if len(words) < 2 {
		return
	}
	c := &chain{
		name: "chain " + words[0] + " (" + tool + ", table " + table + ")", drops: words[1] == "DROP",
		versions: []publication.IPVersion{version}, out: words[0] == "OUTPUT" || words[0] == "POSTROUTING",
	}
	rs.chains[tool+" "+table+" "+words[0]] = c
	if table != "nat" && (c.out || words[0] == "INPUT" || words[0] == "PREROUTING") {
		rs.bases = append(rs.bases, c)
	}
}

// splitWords splits a line at spaces, except in quotes.
func splitWords(line string) []string {
	var words []string
	quoted, escaped := false, false
	split := func(r rune) bool {
		if r == '"' && !escaped {
			quoted = !quoted
		}
		escaped = r == '\\' && !escaped
		return r == ' ' && !quoted
	}
	for _, word := range strings.FieldsFunc(line, split) {
		words = append(words, strings.Trim(word, `"`))
	}
	return words
}

// iptablesRule reads the options of a rule. Those that are not known may have any effect.
func iptablesRule(chains string, version publication.IPVersion, text string, words []string) rule {
	r := rule{text: "the rule " + text}
	negated := false
	for len(words) > 0 {
		option := words[0]
		end := 1
		for end < len(words) && words[end] != "!" && !strings.HasPrefix(words[end], "-") {
			end++
		}
		values := words[1:end]
		words = words[end:]
		if option == "!" {
			negated = true
			continue
		}
		value := strings.Join(values, " ")
		if option == "-j" || option == "-g" {
			r.action, r.target = iptablesAction(option, value), chains+value
			break // what follows are the options of the target
		}
		if c := iptablesCondition(option, value, version); c != nil {
			if negated {
				c = c.not()
			}
			r.conditions = append(r.conditions, c)
		}
		negated = false
	}
	return r
}

// iptablesTargets that let a packet go on through the chain.
var iptablesTargets = []string{"LOG", "NFLOG", "ULOG", "MARK", "CONNMARK", "CT", "NOTRACK", "TRACE", "AUDIT", "CHECKSUM", "CLASSIFY", "DSCP", "TOS", "TTL", "HL", "SET", "TEE", "TCPMSS", "RATEEST", "SECMARK", "CONNSECMARK"}

func iptablesAction(option, target string) action {
	switch word, _, _ := strings.Cut(target, " "); {
	case option == "-g":
		return follow
	case word == "ACCEPT":
		return accept
	case word == "DROP", word == "REJECT":
		return drop
	case word == "RETURN":
		return back
	case slices.Contains(iptablesTargets, word):
		return goOn
	}
	return jump
}

// iptablesCondition returns what an option asks of a packet, nil if it asks nothing.
func iptablesCondition(option, text string, version publication.IPVersion) condition {
	one := wordValue(text)
	switch option {
	case "-m", "--comment":
		return nil
	case "-p", "--protocol":
		return is(max(one.named("all", "0"), one.named("udp", "17")))
	case "--dport", "--destination-port", "--sport", "--source-port", "--dports", "--sports", "--ports":
		return ports(text)
	case "-d", "--destination":
		return func(p Packet) answer { return one.contains(p, version == publication.V4) }
	case "-s", "--source":
		if one.prefix.IsValid() && one.prefix.Bits() == 0 {
			return nil
		}
	case "-i", "--in-interface":
		return func(p Packet) answer { return iptablesInterface(text).isInterface(p.Interface, !p.Out) }
	case "-o", "--out-interface":
		return func(p Packet) answer { return iptablesInterface(text).isInterface(p.Interface, p.Out) }
	case "--state", "--ctstate":
		return words(text, "NEW")
	case "--dst-type", "--pkt-type":
		return words(text, "MULTICAST", "multicast")
	}
	return is(unknown)
}

// words is the condition that one of the words of a list with commas is among those that are true of a packet.
func words(list string, those ...string) condition {
	return is(which(slices.ContainsFunc(strings.Split(list, ","), func(w string) bool { return slices.Contains(those, w) })))
}

// ports reads a list of ports and ranges of them.
func ports(list string) condition {
	best := no
	for _, word := range strings.Split(list, ",") {
		v := value{text: word}
		v.from, v.to, _ = strings.Cut(word, ":")
		if v.to == "" {
			v.from = ""
		}
		best = max(best, v.holds(mdns.Port))
	}
	return is(best)
}

// iptablesInterface reads the name of an interface, where a plus at the end stands for any text.
func iptablesInterface(name string) value {
	if start, ok := strings.CutSuffix(name, "+"); ok {
		return value{text: start + "*"}
	}
	return value{text: name}
}

package phones

import (
	"encoding/hex"
	"net"
	"regexp"
	"strings"
)

// Agent is the User-Agent of a phone in HTTP and SIP, such as "Sangoma P330 4_27_8 000FD3000001".
type Agent struct {
	Model   string // such as P330; "": it is not a phone's
	Version string // of the installed firmware, "" if it is not there
	MAC     string // hardware address, such as 00:0f:d3:00:00:01, which phones add where send_mac_with_useragent is on
}

var (
	agentModel   = regexp.MustCompile(`\b` + modelPattern + `\b`)
	agentVersion = regexp.MustCompile(`^[ /]+([0-9]+(?:[._][0-9]+){1,3}(?:[._][0-9a-f]+)?)\b`) // behind the model
	agentMAC     = regexp.MustCompile(`(?:^|[ (])((?:[0-9A-Fa-f]{2}[:-]?){5}[0-9A-Fa-f]{2})\)?$`)
)

// ParseAgent reads a User-Agent. What it does not find is "".
func ParseAgent(text string) Agent {
	if len(text) > 500 {
		return Agent{}
	}
	for _, at := range agentModel.FindAllStringIndex(text, -1) {
		model := text[at[0]:at[1]]
		if !Known(model) {
			continue
		}
		agent := Agent{Model: model}
		if m := agentVersion.FindStringSubmatch(text[at[1]:]); m != nil {
			agent.Version = m[1]
		}
		if m := agentMAC.FindStringSubmatch(text); m != nil {
			agent.MAC = parseMAC(m[1])
		}
		return agent
	}
	return Agent{}
}

// parseMAC reads twelve hexadecimal digits, with or without marks between them. It returns "" if they are not that.
func parseMAC(text string) string {
	mac, err := hex.DecodeString(strings.NewReplacer(":", "", "-", "").Replace(text))
	if err != nil || len(mac) != 6 {
		return ""
	}
	return net.HardwareAddr(mac).String()
}

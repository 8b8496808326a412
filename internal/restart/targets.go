package restart

import (
	"fmt"
	"net/netip"
	"strings"

	"announcer/internal/diag"
	"announcer/internal/sip"
)

// MaxHosts is the most phones that one network can stand for: those of a /16.
const MaxHosts = 1<<16 - 2

// ParsePhone reads "192.0.2.31", "192.0.2.31:5060", "2001:db8::31" or "[2001:db8::31]:5060". The port is that of the
// transport where none is named.
func ParsePhone(text string, transport sip.Transport) (netip.AddrPort, error) {
	phone, err := netip.ParseAddrPort(text)
	if err != nil {
		addr, addrErr := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"))
		if addrErr != nil {
			return netip.AddrPort{}, fmt.Errorf("%q is not the address of a phone; want one such as 192.0.2.31 or 192.0.2.31:5060", text)
		}
		phone = netip.AddrPortFrom(addr, transport.Port())
	}
	switch addr := phone.Addr().Unmap(); {
	case addr.IsUnspecified() || addr.IsMulticast() || addr == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return netip.AddrPort{}, fmt.Errorf("%q is not the address of one phone; want one such as 192.0.2.31", text)
	case phone.Port() == 0:
		return netip.AddrPort{}, fmt.Errorf("%q has the port 0; want one from 1 to 65535", text)
	default:
		return netip.AddrPortFrom(addr, phone.Port()), nil
	}
}

// ParseList reads a list with a phone on each line; what follows a "#" and empty lines count for nothing. The error is
// of type [diag.Findings].
func ParseList(file string, data []byte, transport sip.Transport) ([]netip.AddrPort, error) {
	var phones []netip.AddrPort
	var findings diag.Findings
	number := 0
	for line := range strings.Lines(string(data)) {
		number++
		text, _, _ := strings.Cut(line, "#")
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		phone, err := ParsePhone(text, transport)
		if err != nil {
			findings = append(findings, diag.Finding{File: file, Line: number, Severity: diag.Error, Text: err.Error()})
			continue
		}
		phones = append(phones, phone)
	}
	if len(findings) == 0 && len(phones) == 0 {
		findings = diag.Findings{{File: file, Severity: diag.Error, Text: "there is no phone in it; want an address on each line"}}
	}
	return phones, findings.Err()
}

// ParseNetwork returns all phones that can be in a network such as 10.1.2.0/24: its addresses except the first and the
// last one of IPv4.
func ParseNetwork(text string, transport sip.Transport) ([]netip.AddrPort, error) {
	network, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%q is not a network; want one such as 10.1.2.0/24", text)
	case network != network.Masked():
		return nil, fmt.Errorf("%q is an address in a network; did you mean %s?", text, network.Masked())
	case network.Addr().IsMulticast():
		return nil, fmt.Errorf("%q is multicast; want a network of phones, such as 10.1.2.0/24", text)
	}
	free := network.Addr().BitLen() - network.Bits()
	if free > 16 {
		return nil, fmt.Errorf("%s has more than %d addresses; want a /%d or smaller", text, MaxHosts, network.Addr().BitLen()-16)
	}
	var phones []netip.AddrPort
	for addr := network.Addr(); network.Contains(addr); addr = addr.Next() {
		phones = append(phones, netip.AddrPortFrom(addr, transport.Port()))
	}
	if network.Addr().Is4() && free > 1 {
		phones = phones[1 : len(phones)-1]
	}
	return phones, nil
}

// Unique leaves out what was there before.
func Unique(phones []netip.AddrPort) []netip.AddrPort {
	seen := map[netip.AddrPort]bool{}
	var unique []netip.AddrPort
	for _, phone := range phones {
		if !seen[phone] {
			seen[phone] = true
			unique = append(unique, phone)
		}
	}
	return unique
}

package services

import (
	"fmt"
	"net/netip"
	"strings"

	"announcer/internal/dnsname"
)

// ParseType reads a service type such as "_http._tcp": two labels, the first with an underscore and at least two
// more bytes, the second _tcp or _udp. A dot at the end is dropped.
func ParseType(text string) (dnsname.Name, error) {
	name, err := dnsname.Parse(text)
	if err != nil {
		return dnsname.Name{}, fmt.Errorf("%q is not a service type: %w", text, err)
	}
	labels := name.Labels()
	switch {
	case len(labels) == 4 && strings.EqualFold(labels[1], "_sub"):
		return dnsname.Name{}, fmt.Errorf("%q is a subtype; want the type alone, such as %s.%s, and the subtype separately", text, labels[2], labels[3])
	case len(labels) != 2:
		return dnsname.Name{}, fmt.Errorf("%q is not a service type; want two labels, such as _digiumproxy._udp", text)
	}
	if err := checkTypeLabels(labels[0], labels[1]); err != nil {
		return dnsname.Name{}, fmt.Errorf("%q is not a service type: %w", text, err)
	}
	return name, nil
}

// ParseSubtype reads a subtype such as "_colour._sub._ipp._tcp". A dot at the end is dropped. The type in it need
// not be that of the service.
func ParseSubtype(text string) (dnsname.Name, error) {
	name, err := dnsname.Parse(text)
	if err != nil {
		return dnsname.Name{}, fmt.Errorf("%q is not a subtype: %w", text, err)
	}
	labels := name.Labels()
	if len(labels) != 4 || !strings.EqualFold(labels[1], "_sub") {
		return dnsname.Name{}, fmt.Errorf("%q is not a subtype; want four labels, such as _colour._sub._ipp._tcp", text)
	}
	if err := checkUnderscored(labels[0]); err != nil {
		return dnsname.Name{}, fmt.Errorf("%q is not a subtype: %w", text, err)
	}
	if err := checkTypeLabels(labels[2], labels[3]); err != nil {
		return dnsname.Name{}, fmt.Errorf("%q is not a subtype: %w", text, err)
	}
	return name, nil
}

func checkTypeLabels(service, transport string) error {
	if err := checkUnderscored(service); err != nil {
		return err
	}
	if !strings.EqualFold(transport, "_tcp") && !strings.EqualFold(transport, "_udp") {
		return fmt.Errorf("it ends in %q; want _tcp or _udp", transport)
	}
	return nil
}

func checkUnderscored(label string) error {
	switch {
	case label[0] != '_':
		return fmt.Errorf("%q does not start with an underscore; want %q", label, "_"+label)
	case len(label) < 3:
		return fmt.Errorf("%q is too short; want an underscore and at least two more characters", label)
	}
	return nil
}

// ParseDomain reads the domain to publish in, such as "local".
func ParseDomain(text string) (dnsname.Name, error) {
	name, err := dnsname.Parse(text)
	if err != nil {
		return dnsname.Name{}, fmt.Errorf("%q is not a domain: %w", text, err)
	}
	return name, nil
}

// ParseHost reads the full name of a host, such as "pbx.local": at least two labels, and no IP address.
func ParseHost(text string) (dnsname.Name, error) {
	name, err := dnsname.Parse(text)
	if err != nil {
		return dnsname.Name{}, fmt.Errorf("%q is not a host name: %w", text, err)
	}
	if _, err := netip.ParseAddr(name.String()); err == nil {
		return dnsname.Name{}, fmt.Errorf("%q is an address; want a host name such as pbx.local", text)
	}
	switch len(name.Labels()) {
	case 0:
		return dnsname.Name{}, fmt.Errorf("%q is the root; want a host name such as pbx.local", text)
	case 1:
		return dnsname.Name{}, fmt.Errorf("%q has no domain; want the full name, such as pbx.local", text)
	}
	return name, nil
}

// ParseName checks a group's name: text in UTF-8. How long it may be is known once the wildcards are expanded;
// [Group.Check] says so.
func ParseName(text string) (string, error) {
	if text == "" {
		return "", fmt.Errorf("the name is empty; want 1 to %d bytes of text", dnsname.MaxLabel)
	}
	return text, dnsname.CheckUTF8(text)
}

// ParseTXT checks one string of a TXT record: 1 to 255 bytes of any kind.
func ParseTXT(text string) (string, error) {
	switch {
	case text == "":
		return "", fmt.Errorf("the TXT string is empty; want 1 to %d bytes, such as key=value", maxTXTString)
	case len(text) > maxTXTString:
		return "", fmt.Errorf("the TXT string has %d bytes, %d too many; the most is %d", len(text), len(text)-maxTXTString, maxTXTString)
	}
	return text, nil
}

package source

import (
	"os"
	"strings"

	"announcer/internal/dnsname"
)

// fallbackHost is the name of a host that has none of its own.
const fallbackHost = "announcer"

// HostName gives this host's name as one label: the system's, up to its first dot, letters, digits and hyphens only.
func HostName() string {
	name, err := os.Hostname()
	if err != nil {
		return fallbackHost
	}
	name, _, _ = strings.Cut(name, ".")
	name = strings.Map(func(r rune) rune {
		if r == '-' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
			return r
		}
		return -1
	}, name)
	if name == "" || name == "localhost" {
		return fallbackHost
	}
	return name[:min(len(name), dnsname.MaxLabel)]
}

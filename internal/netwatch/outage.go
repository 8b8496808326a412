package netwatch

import (
	"fmt"
	"runtime"

	"announcer/internal/publication"
)

// The reasons for which no multicast goes out on an interface.
const (
	down             = "down"
	noCarrier        = "without a carrier"
	dormant          = "dormant"
	withoutMulticast = "without multicast"
	removed          = "removed"
)

// outage returns why no multicast goes out on an interface, zero if it does.
func outage(name string, up, carrier, multicast bool) publication.Outage {
	switch {
	case !up:
		return publication.Outage{Why: down, Remedy: toBringUp(runtime.GOOS, name)}
	case !carrier:
		return publication.Outage{Why: noCarrier, Remedy: "check the cable and what is at its other end"}
	case !multicast:
		return publication.Outage{Why: withoutMulticast, Remedy: toAllowMulticast(runtime.GOOS, name)}
	}
	return publication.Outage{}
}

// toBringUp returns the command that brings an interface up on a system, which is named as in GOOS.
func toBringUp(system, name string) string {
	switch system {
	case "linux":
		return fmt.Sprintf("ip link set %s up", name)
	case "windows":
		return fmt.Sprintf("netsh interface set interface name=%q admin=enabled", name)
	}
	return fmt.Sprintf("ifconfig %s up", name)
}

// toAllowMulticast returns what to do about an interface without multicast on a system: only Linux has a command for it.
func toAllowMulticast(system, name string) string {
	if system == "linux" {
		return fmt.Sprintf("ip link set %s multicast on", name)
	}
	return "use another interface: the driver of this one has no multicast"
}

// Shown returns the links that matter to people: those that multicast goes out on, those that have an address, and those
// that a glob matches. Hosts have many others, such as free ports and what drivers of tunnels make.
func Shown(links []publication.Link, globs []string) publication.Links {
	var shown publication.Links
	for i := range links {
		if isShown(&links[i], globs) {
			shown = append(shown, links[i])
		}
	}
	return shown
}

func isShown(l *publication.Link, globs []string) bool {
	return l.Outage.IsZero() || len(l.Addrs) > 0 || l.Matches(globs)
}

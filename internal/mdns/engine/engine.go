// Package engine selects the engine that announces the services.
package engine

import (
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"

	"announcer/internal/diag"
	"announcer/internal/mdns"
	"announcer/internal/mdns/link"
	"announcer/internal/mdns/native"
	"announcer/internal/mdns/zeroconf"
	"announcer/internal/publication"
	"announcer/services"
)

// Open starts the engine of that name, one of [publication.Engines]. mac returns the hardware address of a neighbour, ""
// if unknown. notes are places for the file in which the native engine keeps what it says for its next start.
func Open(name string, log *slog.Logger, mac func(link int, a netip.Addr) string, notes ...string) (mdns.Publisher, error) {
	switch name {
	case publication.EngineNative:
		return native.Open(log, mac, notes...)
	case publication.EngineZeroconf:
		return zeroconf.New(log, link.Holder), nil
	}
	return nil, Check(name)
}

// Check returns an error unless there is an engine of that name.
func Check(name string) error {
	if slices.Contains(publication.Engines(), name) {
		return nil
	}
	hint := diag.DidYouMean(name, publication.Engines())
	if hint == "" {
		hint = "; want one of " + strings.Join(publication.Engines(), ", ")
	}
	return fmt.Errorf("%q is not an engine%s", name, hint)
}

// Limits returns what a publication needs that the engine can't do.
func Limits(name string, p publication.Publication, host string) []services.Problem {
	if name == publication.EngineZeroconf {
		return zeroconf.Limits(p, host)
	}
	return nil
}

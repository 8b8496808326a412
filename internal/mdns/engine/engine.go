// Package engine chooses among the engines that put services on the wire.
package engine

import (
	"fmt"
	"log/slog"
	"strings"

	"announcer/internal/config"
	"announcer/internal/diag"
	"announcer/internal/mdns"
	"announcer/internal/mdns/native"
	"announcer/internal/mdns/zeroconf"
	"announcer/services"
)

// Open starts the engine of that name, one of [config.Engines]. notes are places for the file in which the native one
// keeps what it says for its next start.
func Open(name string, log *slog.Logger, notes ...string) (mdns.Publisher, error) {
	switch name {
	case config.EngineNative:
		return native.Open(log, notes...)
	case config.EngineZeroconf:
		return zeroconf.New(log), nil
	}
	return nil, fmt.Errorf("%q is not an engine%s; want one of %s", name, diag.DidYouMean(name, config.Engines()), strings.Join(config.Engines(), ", "))
}

// Limits tells what a publication needs that the engine can't do.
func Limits(name string, p mdns.Publication, host string) []services.Problem {
	if name == config.EngineZeroconf {
		return zeroconf.Limits(p, host)
	}
	return nil
}

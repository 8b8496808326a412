package source

import (
	"context"
	"strings"
	"time"

	"announcer/internal/dnsname"
)

// fallbackHost is the name of a host that has none of its own.
const fallbackHost = "announcer"

// hostEvery is the time between two looks at the name of the host where the system does not report a change of it.
const hostEvery = 500 * time.Millisecond

// HostName returns this host's name as one label: the system's, up to its first dot, letters, digits and hyphens only.
func HostName() string {
	name, err := nodename()
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

// WatchHost calls changed with each other name that this host gets after last, at once where the system reports it, else within
// a second, until ctx is done.
func WatchHost(ctx context.Context, last string, changed func(name string)) {
	followed, last := followHost(ctx, last, changed)
	if !followed {
		pollHost(ctx, last, changed)
	}
}

// pollHost is [WatchHost] without help of the system.
func pollHost(ctx context.Context, last string, changed func(name string)) {
	watchHost(ctx, HostName, last, changed)
}

// watchHost is [pollHost] with another way to find out the name.
func watchHost(ctx context.Context, hostName func() string, last string, changed func(name string)) {
	ticker := time.NewTicker(hostEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if now := hostName(); now != last {
			last = now
			changed(now)
		}
	}
}

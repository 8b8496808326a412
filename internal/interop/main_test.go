//go:build linux

// Package interop tests announcer against programs that other people wrote: on one side of a cable the real
// announcer, on the other Debian's Avahi, and tshark that reads along.
package interop

import (
	"os"
	"path/filepath"
	"testing"

	"announcer/internal/netlab"
)

func TestMain(m *testing.M) {
	if fetched, err := filepath.Abs("../../.test-deps/bin"); err == nil {
		os.Setenv("PATH", fetched+":"+os.Getenv("PATH"))
	}
	netlab.Main(m)
}

//go:build linux

// Package interop tests announcer against programs that other people wrote: on one side of a cable the real
// announcer, on the other Debian's Avahi, systemd-resolved, dig or a Go library, and tshark that reads along.
package interop

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"announcer/internal/testkit/netlab"
)

// atOnce is how many tests run at a time, unless the command line says otherwise: most of the time they wait for each
// other's programs, and each has machines of its own.
const atOnce = "6"

func TestMain(m *testing.M) {
	if fetched, err := filepath.Abs("../../../.test-deps/bin"); err == nil {
		os.Setenv("PATH", fetched+":"+os.Getenv("PATH"))
	}
	flag.Set("test.parallel", atOnce)
	netlab.Main(m)
}

package journald_test

import (
	"fmt"
	"log/slog"
	"os"

	"announcer/internal/journald"
)

// What a command prints while it is under systemd has a priority as well as its log.
func ExampleNewLines() {
	fmt.Fprintln(journald.NewLines(os.Stdout, slog.LevelError), "announcer: the configuration is invalid")
	// Output: <3>announcer: the configuration is invalid
}

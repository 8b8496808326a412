package escape_test

import (
	"os"

	"announcer/internal/escape"
)

// A name from the network can neither clear the screen nor begin a line.
func ExampleFprintf() {
	escape.Fprintf(os.Stdout, "announced %s on %s\n", "PBX\x1b[2J\nconflict", "eth0")
	// Output: announced PBX\027[2J\010conflict on eth0
}

package native

import (
	"testing"

	"golang.org/x/sys/unix"
)

// A FIFO in the place of the note is not waited for.
func TestNoteThatIsAFIFO(t *testing.T) {
	readsNothing(t, func(path string) error { return unix.Mkfifo(path, 0o644) }, true)
}

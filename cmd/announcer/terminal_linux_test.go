package main

import (
	"fmt"
	"os"
	"testing"

	"announcer/internal/escape"

	"golang.org/x/sys/unix"
)

// The width is that of the terminal that is written to, also behind a writer that remembers errors; $COLUMNS comes first.
func TestColumnsOfATerminal(t *testing.T) {
	t.Setenv("COLUMNS", "")
	near, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	fd := int(near.Fd())
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	far, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 72}); err != nil {
		t.Fatal(err)
	}
	out := &remembering{printer: escape.NewWriter(far)}
	if got := columnsOf(out); got != 72 || !isTerminal(out) {
		t.Errorf("%d columns, terminal %t; want 72, true", got, isTerminal(out))
	}
	t.Setenv("COLUMNS", "60")
	if got := columnsOf(out); got != 60 {
		t.Errorf("%d columns with $COLUMNS, want 60", got)
	}
}

package main

import (
	"io"
	"os"
	"strconv"

	"golang.org/x/term"
)

// descriptor is what may be a terminal.
type descriptor interface{ Fd() uintptr }

func isTerminal(w io.Writer) bool {
	f, ok := w.(descriptor)
	return ok && term.IsTerminal(int(f.Fd()))
}

// columnsOf returns the width that is written to: $COLUMNS, or that of the terminal, or 0 if there is no limit.
func columnsOf(w io.Writer) int {
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		return n
	}
	if f, ok := w.(descriptor); ok {
		if columns, _, err := term.GetSize(int(f.Fd())); err == nil {
			return columns
		}
	}
	return 0
}

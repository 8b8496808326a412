package main

import (
	"io"
	"os"
	"strconv"

	"golang.org/x/term"
)

// descriptor is what may be a terminal.
type descriptor interface{ Fd() uintptr }

// printer is what commands write to. What is written is escaped, see [escape.Writer].
type printer interface {
	io.Writer
	descriptor
	Control(sequence string) error  // writes a control sequence of the program's own
	Verbatim(document []byte) error // writes a document as it is
}

// controlTerminal writes a control sequence of the program's own.
func controlTerminal(w io.Writer, sequence string) {
	if terminal, ok := w.(printer); ok {
		terminal.Control(sequence) // a terminal that is gone shows nothing
	}
}

// document writes a document to anything but a terminal as it is, whatever it holds.
func document(w io.Writer, data []byte) error {
	if file, ok := w.(printer); ok && !isTerminal(w) {
		return file.Verbatim(data)
	}
	_, err := w.Write(data)
	return err
}

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

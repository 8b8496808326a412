package escape

import (
	"bytes"
	"encoding/json"
	"io"
	"sync"
	"unicode/utf8"
)

// Writer escapes what is written to it as [Text] does, except line breaks and tabs. It may be used by several goroutines.
type Writer struct {
	w      io.Writer
	hidden func(rune) bool
	escape func(to []byte, r rune) []byte

	mu   sync.Mutex
	held []byte // of a character whose other bytes have not been written
}

// NewWriter returns a Writer to a terminal, or to what may be read on one.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w, hidden: isHiddenInText, escape: appendText} }

// JSON returns a Writer for JSON: characters that are not to be seen are written in JSON's own escapes, which leave the
// values as they are.
func JSON(w io.Writer) *Writer { return &Writer{w: w, hidden: isHiddenInText, escape: appendJSON} }

// WriteJSON writes a value as indented JSON, in which characters that are not to be seen are escaped.
func WriteJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(JSON(w))
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}

// Write writes text. A character may be divided between two calls.
func (w *Writer) Write(text []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := text
	if len(w.held) > 0 {
		all = append(w.held, text...)
	}
	whole := len(all) - unfinished(all)
	w.held = bytes.Clone(all[whole:])
	if err := w.write(all[:whole]); err != nil {
		return 0, err
	}
	return len(text), nil
}

func (w *Writer) write(text []byte) error {
	if bytes.ContainsFunc(text, w.hidden) {
		text = appendEscaped(nil, text, w.hidden, w.escape)
	}
	_, err := w.w.Write(text)
	return err
}

// unfinished returns how many bytes at the end are the beginning of a character.
func unfinished(text []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
		if end := text[len(text)-n:]; utf8.RuneStart(end[0]) {
			if utf8.FullRune(end) {
				return 0
			}
			return n
		}
	}
	return 0
}

// Flush writes what is held of an unfinished character.
func (w *Writer) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	held := w.held
	if w.held = nil; len(held) == 0 {
		return nil
	}
	return w.write(held)
}

// Control writes a control sequence of the program's own.
func (w *Writer) Control(sequence string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err := io.WriteString(w.w, sequence)
	return err
}

// Verbatim writes a document as it is. It is not for a terminal.
func (w *Writer) Verbatim(document []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err := w.w.Write(document)
	return err
}

// Fd returns the descriptor of what is written to, an invalid one if it has none.
func (w *Writer) Fd() uintptr {
	if f, ok := w.w.(interface{ Fd() uintptr }); ok {
		return f.Fd()
	}
	return ^uintptr(0)
}

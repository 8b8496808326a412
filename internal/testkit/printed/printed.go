// Package printed collects output for tests that read it while more is written.
package printed

import (
	"bytes"
	"sync"
)

// Text is what was printed. The zero Text is ready for use, by any number of goroutines.
type Text struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write appends to the text. It never fails.
func (t *Text) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.buf.Write(b)
}

// String returns the text so far.
func (t *Text) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.buf.String()
}

// Reset empties the text.
func (t *Text) Reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf.Reset()
}

//go:build linux

package world

import (
	"strings"
	"sync"
)

// journal is the log of a host, which its processes write to.
type journal struct {
	mu    sync.Mutex
	lines strings.Builder
}

// Write implements [io.Writer].
func (j *journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.lines.Write(line)
}

// String returns the lines.
func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.lines.String()
}

// Reset empties the log.
func (j *journal) Reset() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines.Reset()
}

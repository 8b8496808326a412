//go:build !linux

package netwatch

import (
	"context"
	"log/slog"

	"announcer/internal/publication"
)

func read() ([]publication.Link, error) { return portable() }

// system is the kernel of this host, which does not report changes.
type system struct{}

func newSystem(*slog.Logger) Kernel { return system{} }

// Read implements [Kernel].
func (system) Read() ([]publication.Link, error) { return Read() }

// Follow implements [Kernel].
func (system) Follow() ([]publication.Link, error) { return Read() }

// Changes implements [Kernel].
func (system) Changes(ctx context.Context) <-chan struct{} {
	c := make(chan struct{}, 1)
	go poll(ctx, func() { nudge(c) })
	return c
}

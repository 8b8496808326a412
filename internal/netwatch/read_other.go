//go:build !linux

package netwatch

import (
	"context"
	"log/slog"

	"announcer/internal/publication"
)

func read() ([]publication.Link, error) { return portable() }

func nudges(ctx context.Context, _ *slog.Logger) <-chan struct{} {
	c := make(chan struct{}, 1)
	go func() {
		defer close(c)
		poll(ctx, c)
	}()
	return c
}

//go:build !linux

package netwatch

import (
	"context"

	"announcer/internal/mdns"
)

func read() ([]mdns.Link, error) { return portable() }

func nudges(ctx context.Context) <-chan struct{} {
	c := make(chan struct{}, 1)
	go func() {
		defer close(c)
		poll(ctx, c)
	}()
	return c
}

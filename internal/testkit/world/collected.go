//go:build linux

package world

import "sync"

// collected is what processes have done that the model has not taken yet.
type collected[T any] struct {
	mu  sync.Mutex
	all []T
}

func (c *collected[T]) add(one T) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, one)
}

// take returns what was added since it was last called.
func (c *collected[T]) take() []T {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := c.all
	c.all = nil
	return all
}

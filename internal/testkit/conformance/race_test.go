//go:build race

package conformance

// The race detector makes simulations, which have one goroutine, ten times slower and finds nothing in them.
func init() { lanDefault, seedsPerCheck = 1, 1 }

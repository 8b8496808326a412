//go:build linux && race

package world

// The race detector takes ten times as long.
func init() { defaultSeeds = 4 }

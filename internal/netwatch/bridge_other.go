//go:build !linux

package netwatch

import "errors"

// Switching reports that bridges are not known here.
func Switching() (Switches, error) {
	return Switches{}, errors.New("bridges are known on Linux only")
}

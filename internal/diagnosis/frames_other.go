//go:build !linux

package diagnosis

import (
	"context"
	"errors"

	"announcer/internal/publication"
)

// capture reports that frames are not read here.
func capture(context.Context, publication.Links) (Frames, error) {
	return Frames{}, errors.New("VLANs that this host has no interface for are seen on Linux only")
}

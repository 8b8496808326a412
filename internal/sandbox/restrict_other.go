//go:build !linux

package sandbox

// supported returns 0: there is no Landlock.
func supported() int { return 0 }

func restrict(Rules, grants) error { return ErrUnsupported }

//go:build !linux

package daemon

func openUnixgram() int { return -1 }

// sendNow is only on Linux.
func sendNow(int, string) bool { return false }

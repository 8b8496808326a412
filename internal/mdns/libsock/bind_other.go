//go:build !linux

package libsock

// bind does nothing: there is no such call that every system has. The sockets hear all links.
func bind(uintptr, string) error { return nil }

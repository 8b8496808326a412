//go:build !linux

package daemon

import notify "github.com/coreos/go-systemd/v22/daemon"

// messenger sends messages to the service manager.
type messenger struct{}

func newMessenger() *messenger { return new(messenger) }

// Notify implements [Manager].
func (*messenger) Notify(message string) error {
	_, err := notify.SdNotify(false, message)
	return err
}

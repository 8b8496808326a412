package compare

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"announcer/internal/testkit/conformance"
)

// avahi is avahi-daemon with the configuration that Debian gives it.
type avahi struct{}

const avahiConfig = `[server]
%suse-ipv4=yes
use-ipv6=yes
ratelimit-interval-usec=1000000
ratelimit-burst=1000
enable-dbus=no
[publish]
publish-hinfo=no
publish-workstation=no
`

// Write makes a folder /etc for avahi-daemon, with services.
func (avahi) Write(dir string, s conformance.Setup) error {
	name := ""
	if s.Host != "" {
		name = "host-name=" + s.Host + "\n"
	}
	for name, text := range map[string]string{
		"passwd": "root:x:0:0::/:/bin/sh\navahi:x:0:0::/:/bin/false\n", "group": "root:x:0:\navahi:x:0:\n", "avahi.conf": fmt.Sprintf(avahiConfig, name),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return conformance.WriteServices(filepath.Join(dir, "avahi/services"), s.Groups)
}

// Command runs avahi-daemon on a file system where /etc is the folder.
func (avahi) Command(dir string) *exec.Cmd {
	return exec.Command("unshare", "--mount", "sh", "-c", `mount -t tmpfs tmpfs /run && mount --bind "$0" /etc &&
		exec avahi-daemon --no-drop-root --no-chroot --no-rlimits --no-proc-title --file=/etc/avahi.conf`, dir)
}

// library is a Go library, in the program peer.
type library struct {
	peer string // path of the program
	name string
}

func (l library) Write(dir string, s conformance.Setup) error {
	return conformance.WriteServices(dir, s.Groups)
}

func (l library) Command(dir string) *exec.Cmd {
	return exec.Command(l.peer, l.name, dir)
}

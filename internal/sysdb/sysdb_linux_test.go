package sysdb

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"announcer/internal/testkit/netlab"
)

func TestMain(m *testing.M) { netlab.Main(m) }

// TestReplacedFiles wants what the files held before they were replaced by others, which this process can't read.
func TestReplacedFiles(t *testing.T) {
	netlab.Need(t)
	put(t, &passwdFile, "root:x:0:0:root:/root:/bin/bash\navahi:x:1999108:1999117::/run/avahi-daemon:/usr/sbin/nologin\n")
	put(t, &groupFile, "netdev:x:1999117:\n")
	put(t, &hostsFile, "127.0.0.1 localhost\n127.0.0.9 other # pbx\n127.0.0.2\tpbx.example.com PBX\n")
	put(t, &resolverFile, "# search no\nsearch example.com. sip.example.com\nnameserver 127.0.0.53\nnameserver 127.0.0.54\ndomain example.org\nsearch\n")
	Keep()
	t.Cleanup(func() {
		kept, servers = nil, nil
		net.DefaultResolver.Dial = nil
	})
	l, err := net.Listen("tcp4", "127.0.0.2:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())

	for _, replaced := range []bool{false, true} {
		t.Run(map[bool]string{false: "as they were", true: "replaced"}[replaced], func(t *testing.T) {
			netlab.DropRights(t)
			if replaced {
				for _, path := range []string{passwdFile, groupFile, hostsFile, resolverFile} {
					if err := os.Chmod(path, 0); err != nil {
						t.Fatal(err)
					}
				}
			}
			for got, want := range map[string]string{
				User("1999108"): "avahi", User("1999109"): "", Group("1999117"): "netdev", Group("1999118"): "",
				strings.Join(Domains(), " "): "example.com sip.example.com example.org",
			} {
				if got != want {
					t.Errorf("got %q, want %q", got, want)
				}
			}
			for asked, want := range map[string]string{"127.0.0.1:53": "127.0.0.53:53", "[::1]:53": "127.0.0.54:53"} {
				if !replaced {
					want = asked
				}
				conn, err := dialServer(t.Context(), "udp", asked)
				if err != nil {
					t.Fatal(err)
				}
				if got := conn.RemoteAddr().String(); got != want {
					t.Errorf("instead of %s, the name server is %s; want %s", asked, got, want)
				}
				conn.Close()
			}
			for _, name := range []string{"pbx", "pbx.example.com"} {
				conn, err := Dial(t.Context(), &net.Dialer{}, "tcp", net.JoinHostPort(name, port))
				if replaced != (err == nil) {
					t.Errorf("%s: %v", name, err)
				}
				if err == nil {
					conn.Close()
				}
			}
		})
	}
}

// put writes a file, and has this package read it instead of one of the system.
func put(t *testing.T, file *string, text string) {
	t.Helper()
	before := *file
	t.Cleanup(func() { *file = before })
	*file = filepath.Join(t.TempDir(), filepath.Base(before))
	if err := os.WriteFile(*file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

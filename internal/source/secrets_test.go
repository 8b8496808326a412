package source

import (
	"context"
	"testing"

	"announcer/internal/remote"
	"announcer/internal/testkit/memdisk"
)

// The files that the settings for servers name are on the file system of the definitions.
func TestSecretsOnMemory(t *testing.T) {
	settings := remote.Settings{User: "berlin", PasswordFile: "/password"}
	for _, place := range []string{"https://pbx.example.net/a.service", "etcd://etcd.example.net/announcer/"} {
		t.Run(place, func(t *testing.T) {
			d := memdisk.New()
			if err := d.Write("/password", "\n"); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var got error
			p := Open(d.Process(), place, 0, settings, nil)
			if err := p.Run(ctx, func(items []Item) {
				for _, item := range items {
					if got == nil {
						got = item.Err
					}
				}
				cancel()
			}); err != nil {
				t.Error(err)
			}
			const want = "password_file in [remote]: the first line of /password is empty; want the password there"
			if got == nil || got.Error() != want {
				t.Errorf("%v; want %s", got, want)
			}
		})
	}
}

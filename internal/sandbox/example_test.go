package sandbox_test

import (
	"errors"
	"fmt"

	"announcer/internal/sandbox"
)

// A process that reads definitions, keeps a note of what it announced, and needs no TCP.
func ExampleEnter() {
	version, err := sandbox.Enter(func() sandbox.Rules {
		return sandbox.Rules{Read: []string{"/etc/announcer/services"}, Write: []string{"/var/lib/announcer"}}
	})
	if errors.Is(err, sandbox.ErrUnsupported) {
		fmt.Println("not confined")
	} else if err == nil {
		fmt.Println("confined by version", version)
	}
}

package control_test

import (
	"fmt"

	"announcer/internal/control"
)

// A unit of systemd has its directory in the environment, and it is tried first.
func ExamplePlaces() {
	env := map[string]string{"RUNTIME_DIRECTORY": "/run/announcer"}
	for _, path := range control.Places("", func(key string) string { return env[key] }) {
		fmt.Println(path)
	}
	// Output:
	// /run/announcer/announcer.sock
	// /run/announcer/control/announcer.sock
}

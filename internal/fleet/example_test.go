package fleet_test

import (
	"fmt"

	"announcer/internal/fleet"
)

func ExampleRoot_Presence() {
	fmt.Println(fleet.Root("/announcer").Presence("berlin", "pbx1"))
	// Output: /announcer/presence/berlin/pbx1
}

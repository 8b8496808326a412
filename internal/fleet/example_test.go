package fleet_test

import (
	"fmt"

	"announcer/internal/fleet"
)

func ExampleEdit_Diff() {
	e := fleet.Edit{Name: "dpma.toml", Old: []byte("name = \"PBX\"\nport = 5060\n"), New: []byte("name = \"PBX\"\nport = 5070\n")}
	for _, line := range e.Diff() {
		fmt.Println("|" + line)
	}
	// Output:
	// | name = "PBX"
	// |-port = 5060
	// |+port = 5070
}

func ExampleRoot_Presence() {
	fmt.Println(fleet.Root("/announcer").Presence("berlin", "pbx1"))
	// Output: /announcer/presence/berlin/pbx1
}

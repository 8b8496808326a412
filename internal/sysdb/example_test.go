package sysdb_test

import (
	"fmt"

	"announcer/internal/sysdb"
)

// The name of a user is known after the process was confined.
func ExampleKeep() {
	sysdb.Keep()
	// Here the process confines itself, and may no longer read /etc/passwd.
	fmt.Println(sysdb.User("0"))
	// Output: root
}

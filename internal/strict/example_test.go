package strict_test

import (
	"fmt"

	"announcer/internal/strict"
)

func ExampleDocument_Into() {
	var phone struct {
		Name string `toml:"name"`
		Port int64  `toml:"port"`
	}
	doc := strict.TOML("phone.toml", []byte("name = \"Desk\"\nprot = 5060\n"))
	doc.Into(&phone)
	fmt.Println(phone.Name, phone.Port)
	fmt.Println(doc.Found.List())
	// Output:
	// Desk 0
	// phone.toml:2:1: "prot": unknown key outside of a table; did you mean "port"?
}

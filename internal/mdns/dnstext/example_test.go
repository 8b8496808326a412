package dnstext_test

import (
	"fmt"

	"announcer/internal/dnsname"
	"announcer/internal/mdns/dnstext"
)

func ExampleName() {
	name, err := dnsname.New("Front.desk 2", "local")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(dnstext.Name(name))
	// Output: Front\.desk\ 2.local.
}

package dnsname_test

import (
	"fmt"

	"announcer/internal/dnsname"
)

// A dot that belongs to a label is escaped in text.
func ExampleParse() {
	name, err := dnsname.Parse(`Front\.desk._sip._udp.local`)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(name.Label())
	fmt.Println(name.HasSuffix(dnsname.Local))
	// Output:
	// Front.desk
	// true
}

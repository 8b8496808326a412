package definition_test

import (
	"fmt"

	"announcer/internal/avahixml"
	"announcer/internal/definition"
	"announcer/internal/phones"
)

func ExampleFile_Check() {
	show := func(written *definition.File) {
		for _, f := range written.Check("host", phones.Lint) {
			fmt.Println(f.Line, f.Element, f.Code)
		}
		fmt.Println(len(written.Publications()), "published")
	}
	show(avahixml.Decode("pbx.service", []byte(`<service-group>
  <name>PBX</name>
  <service><type>_digiumproxy._udp</type><port>0</port></service>
</service-group>`)))
	// Output:
	// 3 <service> phones/service-type
	// 3 <port> service/port-zero
	// 1 published
}

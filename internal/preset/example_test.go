package preset_test

import (
	"fmt"

	"announcer/internal/preset"
	"announcer/services"
)

func ExampleGroup() {
	group, err := preset.Group("dpma", services.Fill{Server: "192.0.2.20", Transport: "tls"}, "pbx")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(group.Name)
	for _, text := range group.Services[0].TXT {
		fmt.Println(text)
	}
	// Output:
	// DPMA at 192.0.2.20
	// sipUrl=sip:proxy@192.0.2.20:5061;transport=tls
	// serviceType=asterisk
}

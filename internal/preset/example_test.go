package preset_test

import (
	"fmt"

	"announcer/internal/preset"
)

func ExampleGroup() {
	group, err := preset.Group("dpma", preset.Fill{Server: "192.0.2.20", Transport: "tls"}, "pbx")
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

func ExampleFile() {
	text, err := preset.File("dpma", preset.Fill{Name: "Reception", Server: "192.0.2.20"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s", text)
	// Output:
	// <?xml version="1.0" encoding="UTF-8"?>
	// <!DOCTYPE service-group SYSTEM "avahi-service.dtd">
	// <!-- Phones in factory state find this Asterisk server with DPMA. -->
	// <service-group>
	//   <name>Reception</name>
	//   <service>
	//     <type>_digiumproxy._udp</type>
	//     <port>5060</port>
	//     <txt-record>sipUrl=sip:proxy@192.0.2.20:5060;transport=udp</txt-record>
	//     <txt-record>serviceType=asterisk</txt-record>
	//   </service>
	// </service-group>
}

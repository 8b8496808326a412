package avahixml_test

import (
	"fmt"

	"announcer/internal/avahixml"
	"announcer/internal/dnsname"
	"announcer/services"
)

func ExampleEncode() {
	text, findings := avahixml.Encode(services.Group{Name: "Reception", Services: []services.Service{
		{Type: dnsname.MustParse("_sip._udp"), Port: 5060, TXT: services.TXT{"transport=udp"}},
	}})
	fmt.Printf("%s%d findings\n", text, len(findings))
	// Output:
	// <?xml version="1.0" standalone='no'?>
	// <!DOCTYPE service-group SYSTEM "avahi-service.dtd">
	// <service-group>
	//   <name>Reception</name>
	//   <service>
	//     <type>_sip._udp</type>
	//     <port>5060</port>
	//     <txt-record>transport=udp</txt-record>
	//   </service>
	// </service-group>
	// 0 findings
}

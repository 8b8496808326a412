package convert_test

import (
	"fmt"

	"announcer/internal/convert"
)

// An Avahi service file becomes a zone file.
func Example() {
	const file = `<service-group><name>Reception</name><service><type>_sip._udp</type><port>5060</port></service></service-group>`
	defs, findings := convert.Decode(convert.Avahi, "reception.service", []byte(file), "pbx")
	if findings.Err() != nil {
		fmt.Println(findings)
		return
	}
	files, findings := convert.Encode(convert.Zone, defs, "pbx")
	for _, f := range files {
		fmt.Printf("%s:\n%s", f.Name, f.Data)
	}
	fmt.Println(len(findings), "findings")
	// Output:
	// reception.zone:
	// _services._dns-sd._udp.local. 4500 IN PTR _sip._udp.local.
	// _sip._udp.local. 4500 IN PTR Reception._sip._udp.local.
	// Reception._sip._udp.local. 120 IN SRV 0 0 5060 pbx.local.
	// Reception._sip._udp.local. 4500 IN TXT ""
	// 0 findings
}

package config_test

import (
	"fmt"

	"announcer/internal/config"
	"announcer/internal/dnsname"
	"announcer/internal/publication"
	"announcer/services"
)

func ExampleEncodeTOML() {
	reception := publication.Publication{OnConflict: publication.Standby, Interfaces: []string{"vlan20"}, Group: services.Group{
		Name: "Reception", Services: []services.Service{{Type: dnsname.MustParse("_sip._udp"), Port: 5060, TXT: services.TXT{"transport=udp"}}},
	}}
	fmt.Printf("%s", config.EncodeTOML([]config.RawGroup{config.NewRawGroup(reception)}))
	// Output:
	// [[group]]
	// name = "Reception"
	// interfaces = ["vlan20"]
	// on_conflict = "standby"
	//
	// [[group.service]]
	// type = "_sip._udp"
	// port = 5060
	// txt = [
	//   "transport=udp",
	// ]
}

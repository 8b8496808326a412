package source_test

import (
	"fmt"

	"announcer/internal/source"
)

// Of two files with one name, the one in the first directory counts.
func ExampleMerge() {
	place := func(path, name string) source.Place {
		text := "<service-group><name>" + name + "</name><service><type>_sip._udp</type><port>5060</port></service></service-group>"
		return source.Place{Path: path, Items: []source.Item{{Name: "pbx.service", Origin: path + "/pbx.service", Data: []byte(text)}}}
	}
	in := source.Input{Host: "pbx", Places: []source.Place{place("/etc/announcer/services", "Reception"), place("/run/announcer/services", "Door")}}
	snap, _ := source.Merge(in, source.Memory{})
	for _, p := range snap.Publications {
		fmt.Println(p.ID, p.Group.Name)
	}
	// Output: /etc/announcer/services/pbx.service Reception
}

func ExampleIsDefinition() {
	for _, name := range []string{"pbx.service", "pbx.toml", ".pbx.service", "pbx.service~"} {
		fmt.Println(name, source.IsDefinition(name))
	}
	// Output:
	// pbx.service true
	// pbx.toml true
	// .pbx.service false
	// pbx.service~ false
}

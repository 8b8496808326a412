package diagnosis_test

import (
	"fmt"

	"announcer/internal/diagnosis"
	"announcer/internal/publication"
)

// A cable that is not plugged in.
func ExampleSight_Findings() {
	sight := diagnosis.Sight{
		Links: publication.Links{{Index: 2, Name: "eth0", Outage: publication.Outage{Why: "without a carrier", Remedy: "check the cable"}}},
		Allow: []string{"eth0"},
	}
	for _, f := range sight.Findings() {
		if f.State == diagnosis.Wrong {
			fmt.Printf("%s, %s: %s; %s\n", f.Link, f.Step, f.Text, f.Remedy)
		}
	}
	// Output: eth0, interface: it is without a carrier; check the cable
}

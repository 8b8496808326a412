package deployment_test

import (
	"fmt"
	"net/netip"

	"announcer/internal/deployment"
	"announcer/internal/phones"
	"announcer/internal/phones/fileserver"
)

// A phone that loads a file twice, which is one phone.
func ExampleDeployment_Report() {
	d := deployment.New(deployment.Config{MAC: func(netip.Addr) string { return "" }})
	loaded := fileserver.Transfer{
		Phone: netip.MustParseAddr("192.0.2.11"), Agent: phones.ParseAgent("Digium D40 1_4_0_0 000FD3000001"), Ended: true, Whole: true,
	}
	for range 2 {
		fmt.Println(d.Phone(loaded), d.Report(loaded, d.Phone(loaded)), d.Done())
	}
	// Output:
	// 00:0f:d3:00:00:01 true 1
	// 00:0f:d3:00:00:01 false 1
}

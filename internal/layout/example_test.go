package layout_test

import (
	"os"

	"announcer/internal/layout"
)

// A wide character takes two columns, and what does not fit takes two lines.
func ExampleTable() {
	_ = layout.Table(os.Stdout, 40, "NAME DEFINED-IN", [][]string{
		{"前台", "/etc/announcer/services/reception.service"},
		{"Lab", "lab.service"},
	})
	// Output:
	// NAME  DEFINED-IN
	// 前台  /etc/announcer/services/
	//       reception.service
	// Lab   lab.service
}

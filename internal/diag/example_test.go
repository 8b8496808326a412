package diag_test

import (
	"fmt"

	"announcer/internal/diag"
)

func ExampleFindings() {
	found := diag.Findings{
		{File: "pbx.service", Line: 9, Column: 5, Element: "<txt-record>", Severity: diag.Warning, Text: "the key is empty; want key=value"},
		{File: "pbx.service", Line: 7, Column: 11, Element: "<port>", Severity: diag.Error, Text: `"http" is not a port; want 1 to 65535`},
	}
	found.Sort()
	fmt.Println(found)
	fmt.Println(len(found.Errors()), "error")
	// Output:
	// pbx.service:7:11: <port>: "http" is not a port; want 1 to 65535
	// pbx.service:9:5: <txt-record>: warning: the key is empty; want key=value
	// 1 error
}

func ExampleDidYouMean() {
	fmt.Println(`unknown element "prot"` + diag.DidYouMean("prot", []string{"name", "port"}))
	// Output: unknown element "prot"; did you mean port?
}

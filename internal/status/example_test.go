package status_test

import (
	"fmt"

	"announcer/internal/status"
)

func ExampleStatus_Line() {
	s := status.Status{Files: status.Files{Refused: 1}, Reload: status.Reload{OK: true}}
	fmt.Println(s.Line())
	// Output: 0 services; 1 file refused
}

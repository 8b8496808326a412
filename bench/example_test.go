package bench

import "fmt"

func ExampleName() {
	fmt.Println(Name(7))
	// Output: Server-00007
}

// Package order is what a test and the agent on a machine of [announcer/internal/testkit/boot] say to each other: JSON values,
// one after the other.
package order

// Port is the name of the virtual port of the machine that they use.
const Port = "orders"

// Order is a command to run.
type Order struct {
	Number int
	Args   []string
	Stdin  string
}

// Result is what came of the order with that number. Error is empty if the command succeeded.
type Result struct {
	Number     int
	Out, Error string
}

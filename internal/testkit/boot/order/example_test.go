package order_test

import (
	"encoding/json"
	"os"

	"announcer/internal/testkit/boot/order"
)

// An order as it goes to the agent.
func ExampleOrder() {
	json.NewEncoder(os.Stdout).Encode(order.Order{Number: 1, Args: []string{"systemctl", "reload", "announcer"}})
	// Output: {"Number":1,"Args":["systemctl","reload","announcer"],"Stdin":""}
}

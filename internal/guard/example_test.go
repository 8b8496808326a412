package guard_test

import (
	"context"
	"fmt"
	"net"
	"time"

	"announcer/internal/guard"
)

// What people read of a connection that fails is a sentence of this package, never one of a library.
func ExampleFailure() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	listener.Close() // so that nothing listens there
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, err = guard.Dial(ctx, "tcp", listener.Addr().String())
	fmt.Println(guard.Failure(ctx, err))
	// Output: no server listens on that port
}

package oneshot_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"announcer/internal/oneshot"
)

func ExampleRun() {
	err := oneshot.Run(context.Background(), []string{"sh", "-c", "echo deploying; exit 7"}, time.Minute)
	if exit, ok := errors.AsType[*oneshot.Exit](err); ok {
		fmt.Println(exit.Code, exit)
	}
	// Output:
	// deploying
	// 7 the command ended with exit status 7
}

package oneshot_test

import (
	"context"
	"errors"
	"fmt"

	"announcer/internal/oneshot"
)

func ExampleRun() {
	err := oneshot.Run(context.Background(), []string{"sh", "-c", "echo deploying; exit 7"})
	if exit, ok := errors.AsType[*oneshot.Exit](err); ok {
		fmt.Println(exit.Code, exit)
	}
	// Output:
	// deploying
	// 7 the command ended with exit status 7
}

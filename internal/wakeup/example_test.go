package wakeup_test

import (
	"context"
	"fmt"
	"time"

	"announcer/internal/wakeup"
)

func ExampleWatch() {
	wakeup.Watch(context.Background(), func(slept time.Duration) {
		fmt.Println("this process did not run for", slept)
	})
}

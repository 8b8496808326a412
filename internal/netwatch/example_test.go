package netwatch_test

import (
	"context"
	"fmt"
	"log/slog"

	"announcer/internal/netwatch"
	"announcer/internal/publication"
)

func ExampleSelect() {
	links := []publication.Link{{Index: 1, Name: "lo", Loopback: true}, {Index: 2, Name: "eth0"}, {Index: 3, Name: "docker0"}}
	chosen, _ := netwatch.Select(links, nil, nil)
	for _, l := range chosen {
		fmt.Println(l.Name)
	}
	chosen, note := netwatch.Select(links, []string{"docker*", "wlan*"}, nil)
	for _, l := range chosen {
		fmt.Println(l.Name)
	}
	fmt.Println(note)
	// Output:
	// eth0
	// docker0
	// no interface matches "wlan*"; there are: lo, eth0, docker0
}

func ExampleWatcher() {
	watcher := netwatch.NewWatcher(slog.Default())
	go watcher.Run(context.Background())
	before := <-watcher.Readings()
	for now := range watcher.Readings() {
		for _, c := range netwatch.Changes(before.Links, now.Links, now) {
			fmt.Println(c.Link, c.What)
		}
		before = now
	}
}

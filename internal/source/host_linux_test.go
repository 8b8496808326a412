package source

import (
	"context"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"announcer/internal/testkit/netlab"
)

// The kernel reports each change of the name of the host: no clock runs between two of them.
func TestFollowHost(t *testing.T) {
	netlab.Need(t)
	before := HostName()
	t.Cleanup(func() { unix.Sethostname([]byte(before)) })
	ctx, cancel := context.WithCancel(t.Context())
	ended, named := make(chan bool, 1), make(chan string)
	go func() {
		ok, _ := followHost(ctx, before, func(name string) { named <- name })
		ended <- ok
	}()
	for i := range 3 {
		name := fmt.Sprintf("reception-%d", i)
		if err := unix.Sethostname([]byte(name)); err != nil {
			t.Fatal(err)
		}
		select {
		case got := <-named:
			if got != name {
				t.Errorf("the host is named %q, want %q", got, name)
			}
		case <-ended:
			t.Fatal("the kernel does not report changes")
		}
	}
	cancel()
	if !<-ended {
		t.Error("it has ended by itself")
	}
}

//go:build boot

package guest

import (
	"os/exec"
	"syscall"
	"testing"
	"time"

	"announcer/internal/testkit/mdnstest"
	"announcer/internal/testkit/netlab"
)

// TestSleep stops a command for longer than a phone remembers its address. It is the first test: it sleeps while the others
// run, and ends after them.
func TestSleep(t *testing.T) {
	install(t)
	const sleep = 130 * time.Second
	host := netlab.NewHost(t)
	neighbour := newCable(t, host)
	cmd := exec.Command("announcer", "announce", "--interface", "eth0", "--name", "Sleeper", "--type", "_http._tcp", "--port", "80")
	start(t, host, cmd)
	neighbour.await(t, mdnstest.Announcement, "Sleeper")
	cmd.Process.Signal(syscall.SIGSTOP)
	wakeUp := time.Now().Add(sleep)
	t.Parallel()
	time.Sleep(time.Until(wakeUp))
	neighbour.forget()
	woken := time.Now()
	cmd.Process.Signal(syscall.SIGCONT)
	const want = 1300 * time.Millisecond
	took := neighbour.await(t, mdnstest.Announcement, "Sleeper").at.Sub(woken).Round(10 * time.Millisecond)
	t.Logf("announced again %v after it has slept for %v", took, sleep)
	if took > want+slowness {
		t.Errorf("it announces again %v after it has slept for %v; want %v, and %v for the emulator", took, sleep, want, slowness)
	}
}

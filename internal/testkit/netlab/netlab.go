//go:build linux

// Package netlab provides separate networks to tests, so that they speak real multicast and never reach a real
// network: [Main] runs the tests of a package in namespaces of their own, which have nothing but a loopback
// interface; [NewHost] adds a second machine, and [Veth] a cable between the two.
//
// No privileges are needed if the kernel lets all users make user namespaces. If it doesn't, [Need] skips
// a test and prints the reason.
package netlab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"

	"announcer/internal/testkit/skip"

	"golang.org/x/sys/unix"
)

// Inside is set in the environment of tests that have a network of their own: namespaces that [Main] made, or a whole
// machine.
const Inside = "ANNOUNCER_NETLAB"

// errRefused is the reason why there are no namespaces; nil if there are.
var errRefused = errors.New("TestMain does not call netlab.Main")

// Main runs the tests in new user, network, mount and host name namespaces, in which they are root and may do as they like:
// it starts the test binary again and ends with its exit status. TestMain calls it. Mounts made there are not seen
// outside.
func Main(m *testing.M) {
	if os.Getenv(Inside) != "" {
		errRefused = loopbackUp()
		os.Exit(m.Run())
	}
	code, err := again()
	if err == nil {
		os.Exit(code)
	}
	errRefused = err
	os.Exit(m.Run())
}

// again runs the test binary in the namespaces. An error says that it could not be started there.
func again() (code int, err error) {
	runtime.LockOSThread() // the kernel kills the child when the thread ends that started it
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), Inside+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWUTS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("new user and network namespaces: %w", err)
	}
	if err := cmd.Wait(); err != nil && !cmd.ProcessState.Exited() {
		fmt.Fprintln(os.Stderr, "netlab: the tests ended by", err)
		return 1, nil
	}
	return cmd.ProcessState.ExitCode(), nil
}

// Need skips a test if there are no namespaces to run it in.
func Need(t testing.TB) {
	t.Helper()
	if errRefused != nil {
		skip.Now(t, "no network of its own: ", errRefused)
	}
}

// loopbackUp brings up lo, with 127.0.0.1 and ::1, in the namespace of the calling thread.
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("loopback: %w", err)
	}
	defer unix.Close(fd)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return fmt.Errorf("loopback: %w", err)
	}
	request.SetUint16(unix.IFF_UP)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request); err != nil {
		return fmt.Errorf("bring up lo: %w", err)
	}
	return nil
}

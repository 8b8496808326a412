//go:build linux

// Command agent runs the commands that a test sends to a machine of [announcer/internal/testkit/boot], one after the other. It
// reads them from a virtual port of the machine, and writes their results there.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"announcer/internal/testkit/boot/order"
)

const (
	port         = "/dev/virtio-ports/" + order.Port
	portPatience = time.Minute // for the port to appear, under emulation
)

func main() {
	fmt.Println("agent:", serve())
	os.Exit(1)
}

// serve only returns if it fails.
func serve() error {
	file, err := openPort()
	if err != nil {
		return err
	}
	orders, results := json.NewDecoder(file), json.NewEncoder(file)
	for {
		var o order.Order
		if err := orders.Decode(&o); err != nil {
			return err
		}
		if err := results.Encode(run(o)); err != nil {
			return err
		}
	}
}

func openPort() (*os.File, error) {
	for deadline := time.Now().Add(portPatience); ; time.Sleep(10 * time.Millisecond) {
		file, err := os.OpenFile(port, os.O_RDWR, 0)
		if err == nil || time.Now().After(deadline) {
			return file, err
		}
	}
}

func run(o order.Order) order.Result {
	cmd := exec.Command(o.Args[0], o.Args[1:]...)
	cmd.Stdin = strings.NewReader(o.Stdin)
	cmd.WaitDelay = time.Second // for what it leaves in the background with its output
	out, err := cmd.CombinedOutput()
	r := order.Result{Number: o.Number, Out: string(out)}
	if err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		r.Error = err.Error()
	}
	return r
}

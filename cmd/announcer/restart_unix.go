//go:build !windows

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// notifyRestart has the signal relayed that comes before a restart (RestartKillSignal= of systemd).
func notifyRestart(c chan<- os.Signal) { signal.Notify(c, syscall.SIGUSR1) }

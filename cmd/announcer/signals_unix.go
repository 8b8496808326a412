//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// crashSignals returns the signals that stand for a crash: those of a fault, when another process sends them, and those
// by which a watchdog or a person wants a dump.
func crashSignals() []os.Signal {
	signals := []os.Signal{
		syscall.SIGQUIT, syscall.SIGABRT, syscall.SIGILL, syscall.SIGTRAP, syscall.SIGBUS, syscall.SIGFPE, syscall.SIGSEGV, syscall.SIGSYS,
	}
	if stackFault := unix.SignalNum("SIGSTKFLT"); stackFault != 0 { // on Linux
		signals = append(signals, stackFault)
	}
	return signals
}

// notifyRestart has the signal relayed that comes before a restart (RestartKillSignal= of systemd).
func notifyRestart(c chan<- os.Signal) { signal.Notify(c, syscall.SIGUSR1) }

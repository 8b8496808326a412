package main

import "os"

// crashSignals returns none: this system has no such signals.
func crashSignals() []os.Signal { return nil }

// notifyRestart does nothing: this system has no such signal.
func notifyRestart(chan<- os.Signal) {}

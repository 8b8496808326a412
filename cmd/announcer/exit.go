package main

import (
	"fmt"

	"github.com/urfave/cli/v2"
)

// exitError ends the program with a code; err is nil if everything has been said already.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return fmt.Sprintf("exit code %d: %v", e.code, e.err) }

func (e *exitError) Unwrap() error { return e.err }

func failed(err error) *exitError { return &exitError{exitFailed, err} }

func usagef(format string, args ...any) *exitError {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

// silent ends the program with a code and no message.
func silent(code int) *exitError { return &exitError{code, nil} }

// noArguments reports an error if a command that takes only flags has arguments.
func noArguments(c *cli.Context) error {
	if c.Args().Present() {
		return usagef("%s takes no arguments; want flags alone", c.Command.Name)
	}
	return nil
}

package main

import (
	"fmt"

	"github.com/urfave/cli/v2"
)

// written returns an action that fails if some of its output can't be written.
func written(action cli.ActionFunc) cli.ActionFunc {
	return func(c *cli.Context) error {
		out := &remembering{printer: c.App.Writer.(printer)}
		c.App.Writer = out
		err := action(c)
		if out.err != nil {
			return fmt.Errorf("failed to write the output: %w", out.err)
		}
		return err
	}
}

// remembering is a writer that keeps its first error.
type remembering struct {
	printer
	err error
}

func (o *remembering) Write(data []byte) (int, error) {
	n, err := o.printer.Write(data)
	return n, o.keep(err)
}

// Control writes a control sequence of the program's own.
func (o *remembering) Control(sequence string) error { return o.keep(o.printer.Control(sequence)) }

// Verbatim writes a document as it is.
func (o *remembering) Verbatim(document []byte) error { return o.keep(o.printer.Verbatim(document)) }

func (o *remembering) keep(err error) error {
	if o.err == nil {
		o.err = err
	}
	return err
}

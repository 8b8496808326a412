package main

import (
	"fmt"
	"io"

	"github.com/urfave/cli/v2"
)

// written returns an action that fails if some of its output can't be written.
func written(action cli.ActionFunc) cli.ActionFunc {
	return func(c *cli.Context) error {
		out := &remembering{Writer: c.App.Writer}
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
	io.Writer
	err error
}

func (o *remembering) Write(data []byte) (int, error) {
	n, err := o.Writer.Write(data)
	if o.err == nil {
		o.err = err
	}
	return n, err
}

// Fd returns the descriptor of the writer, an invalid one if it has none.
func (o *remembering) Fd() uintptr {
	if f, ok := o.Writer.(descriptor); ok {
		return f.Fd()
	}
	return ^uintptr(0)
}

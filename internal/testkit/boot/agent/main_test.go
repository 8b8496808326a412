//go:build linux

package main

import (
	"testing"

	"announcer/internal/testkit/boot/order"
)

func TestRun(t *testing.T) {
	tests := []struct {
		name  string
		order order.Order
		want  order.Result
	}{
		{"output", order.Order{Number: 1, Args: []string{"sh", "-c", "echo out; echo err >&2"}}, order.Result{Number: 1, Out: "out\nerr\n"}},
		{"input", order.Order{Number: 2, Args: []string{"cat"}, Stdin: "in"}, order.Result{Number: 2, Out: "in"}},
		{"failure", order.Order{Args: []string{"sh", "-c", "echo no; exit 3"}}, order.Result{Out: "no\n", Error: "exit status 3"}},
		{"process in the background", order.Order{Args: []string{"sh", "-c", "sleep 5 & echo $! >/dev/null"}}, order.Result{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := run(test.order); got != test.want {
				t.Errorf("%+v; want %+v", got, test.want)
			}
		})
	}
}

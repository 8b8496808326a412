package mailbox_test

import (
	"fmt"
	"slices"
	"testing"

	"announcer/internal/mailbox"
)

func ExampleBox() {
	b := mailbox.New[string](100)
	b.Put("announced")
	b.Put("renamed", "withdrawn")
	b.Close()
	for batch := range b.Batches() {
		fmt.Println(batch)
	}
	// Output: [announced renamed withdrawn]
}

// A receiver beside a fast sender gets every value, in order.
func TestNoneIsLost(t *testing.T) {
	const values = 100_000
	b := mailbox.New[int](values)
	go func() {
		defer b.Close()
		for n := range values {
			b.Put(n)
		}
	}()
	next := 0
	for batch := range b.Batches() {
		for _, n := range batch {
			if n != next {
				t.Fatalf("got %d, want %d", n, next)
			}
			next++
		}
	}
	if next != values || b.Dropped() != 0 {
		t.Errorf("%d values, %d dropped", next, b.Dropped())
	}
}

// What there is no room for is dropped and counted.
func TestFull(t *testing.T) {
	b := mailbox.New[int](3)
	if n := b.Put(1, 2); n != 0 {
		t.Errorf("%d dropped", n)
	}
	if n := b.Put(3, 4, 5); n != 2 {
		t.Errorf("%d dropped, want 2", n)
	}
	if got := <-b.Batches(); !slices.Equal(got, []int{1, 2, 3}) {
		t.Errorf("got %v", got)
	}
	if n := b.Put(6); n != 0 || b.Dropped() != 2 {
		t.Errorf("%d dropped, %d in all", n, b.Dropped())
	}
}

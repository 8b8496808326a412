package printed_test

import (
	"fmt"
	"log/slog"

	"announcer/internal/testkit/printed"
)

func ExampleText() {
	var text printed.Text
	log := slog.New(slog.NewTextHandler(&text, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	log.Info("link added", "link", "eth0")
	fmt.Print(text.String())
	// Output: level=INFO msg="link added" link=eth0
}

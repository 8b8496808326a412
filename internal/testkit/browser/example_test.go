//go:build linux

package browser_test

import (
	"fmt"
	"testing"

	"announcer/internal/testkit/browser"
)

var t *testing.T // of the test that the example stands for

// The TestMain of the package calls netlab.Main.
func ExampleOpen() {
	p := browser.Open(t, nil)
	p.Go(t, "http://127.0.0.1:9353/")
	p.Click(t, "#phones th a")
	p.Await(t, `document.querySelector("#phones th").ariaSort === "ascending"`)
	fmt.Println(browser.Value[string](t, p, "document.title"))
}

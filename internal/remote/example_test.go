package remote_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"announcer/internal/remote"
)

// An answer that is no definition is an error, and no set.
func ExampleWebsite_Get() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "<html>Please log in</html>")
	}))
	defer server.Close()
	site, err := remote.NewWebsite(server.URL+"/berlin.toml", time.Minute, remote.Settings{})
	if err != nil {
		fmt.Println(err)
		return
	}
	set, err := site.Get(context.Background(), remote.Set{})
	fmt.Println(set, err)
	// Output: <nil> it sends a document of the type "text/html; charset=utf-8", as a login or error page has; want application/toml, application/xml, text/plain or application/octet-stream
}

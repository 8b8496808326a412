package admission_test

import (
	"fmt"
	"net"
	"net/http"
	"time"

	"announcer/internal/admission"
)

// A server with two places: the third client gets the place of the one that is quiet for longest.
func Example() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	limited := admission.New(l, admission.Limits{All: 2, Quiet: time.Millisecond})
	server := &http.Server{Handler: http.NotFoundHandler(), ConnState: limited.State}
	go server.Serve(limited)
	defer server.Close()
	for range 2 {
		held, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			fmt.Println(err)
			return
		}
		defer held.Close()
	}
	answer, err := http.Get("http://" + l.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	answer.Body.Close()
	fmt.Println(answer.Status)
	// Output: 404 Not Found
}

package web_test

import (
	"context"
	"fmt"
	"net/http/httptest"

	"announcer/internal/status"
	"announcer/internal/web"
)

// idle is a daemon with nothing to do.
type idle struct{}

func (idle) Status(context.Context) (status.Status, error) {
	return status.Status{Healthy: true, Reload: status.Reload{OK: true}}, nil
}

func (idle) Watch() (<-chan []status.Event, func(), error) { return nil, func() {}, nil }

// The health check, for a load balancer.
func ExampleHandler() {
	answer := httptest.NewRecorder()
	web.Handler(idle{}).ServeHTTP(answer, httptest.NewRequest("GET", "/healthz", nil))
	fmt.Print(answer.Code, " ", answer.Body)
	// Output: 200 ok: 0 services
}

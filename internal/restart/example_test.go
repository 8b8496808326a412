package restart_test

import (
	"context"
	"fmt"
	"time"

	"announcer/internal/restart"
	"announcer/internal/sip"
)

// Two phones, one of which knows no check-sync.
func ExampleBatch_Run() {
	phones, err := restart.ParseNetwork("192.0.2.8/30", sip.UDP)
	if err != nil {
		fmt.Println(err)
		return
	}
	batch := restart.Batch{Event: restart.Restart, Transport: sip.UDP, Timeout: time.Second, Parallel: 1, Rate: 100,
		Ask: func(_ context.Context, phone sip.Target, _ string) (sip.Answer, error) {
			if phone.Host == "192.0.2.10" {
				return sip.Answer{Code: 489, Reason: "Bad Event"}, nil
			}
			return sip.Answer{Code: 200, Reason: "OK"}, nil
		}}
	batch.Run(context.Background(), phones, func(r restart.Result) { fmt.Println(r.Phone, r.Word(), r.OK()) })
	// Output:
	// 192.0.2.9:5060 200 true
	// 192.0.2.10:5060 489 false
}

package within

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestDo(t *testing.T) {
	for _, test := range []struct {
		name        string
		takes, most time.Duration
		want        string
		ok          bool
	}{
		{"at once", 0, time.Second, "result", true},
		{"in time", 999 * time.Millisecond, time.Second, "result", true},
		{"too late", 1001 * time.Millisecond, time.Second, "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				got, ok := Do(test.most, func() string { time.Sleep(test.takes); return "result" })
				if took := time.Since(began); got != test.want || ok != test.ok || took != min(test.takes, test.most) {
					t.Errorf("%q, %t after %v; want %q, %t", got, ok, took, test.want, test.ok)
				}
				time.Sleep(time.Second) // what is late ends, too
				synctest.Wait()
			})
		})
	}
}

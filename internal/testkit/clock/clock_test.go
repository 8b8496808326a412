package clock

import (
	"testing"
	"time"
)

func TestOff(t *testing.T) {
	now := time.Now()
	for _, test := range []struct {
		name string
		by   time.Duration
	}{
		{"a day ahead", 24 * time.Hour},
		{"a day behind", -24 * time.Hour},
	} {
		t.Run(test.name, func(t *testing.T) {
			was := Off(now, test.by)
			if passed := now.Sub(was); passed != 0 {
				t.Errorf("%v passed", passed)
			}
			if shown := was.Round(0).Sub(now.Round(0)); shown != test.by {
				t.Errorf("the clock was off by %v", shown)
			}
		})
	}
}

package responder

import (
	"math"
	"math/rand/v2"
	"time"
)

// moment is a time, as the time since the Responder was made.
type moment = time.Duration

const (
	never   = moment(math.MinInt64 / 4) // a time in the past that every interval has passed since
	forever = moment(math.MaxInt64 / 4)
)

// clock has the time that the responder last received.
type clock struct {
	epoch time.Time // when now was 0
	now   moment
	rand  *rand.Rand
}

// advance takes the time, which never goes back.
func (c *clock) advance(now time.Time) { c.now = max(c.now, now.Sub(c.epoch)) }

// date returns a moment as a time.
func (c *clock) date(at moment) time.Time { return c.epoch.Add(at) }

// random returns a random time from low to high.
func (c *clock) random(low, high moment) moment {
	return low + moment(c.rand.Int64N(int64(high-low)+1))
}

package daemon

import "time"

// So many lines of a kind may follow each other, and then one in so much time.
const (
	linesAtOnce = 20
	linesApart  = 2 * time.Second
)

// limits keeps those lines of the log few that others on the network can cause, by their kind.
type limits map[string]*allowance

type allowance struct {
	spent      int // lines that count still
	since      time.Time
	suppressed int
}

// let reports whether a line may be written now, and how many were not since the last one.
func (l limits) let(kind string) (suppressed int, ok bool) {
	k := l[kind]
	if k == nil {
		k = &allowance{since: time.Now()}
		l[kind] = k
	}
	if n := int(time.Since(k.since) / linesApart); n > 0 {
		k.spent = max(k.spent-n, 0)
		k.since = k.since.Add(time.Duration(n) * linesApart)
	}
	if k.spent == linesAtOnce {
		k.suppressed++
		return 0, false
	}
	k.spent++
	suppressed, k.suppressed = k.suppressed, 0
	return suppressed, true
}

//go:build linux

package boot

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Within fails a test at its end if it has taken longer than a limit. The time for which other programs have kept the processors
// busy does not count, even if the test had nothing to do then: the limit is exact on a host that does nothing else.
func Within(t *testing.T, limit time.Duration) {
	t.Helper()
	began, before := time.Now(), newLoad(t)
	t.Cleanup(func() {
		elapsed := time.Since(began)
		own := elapsed - newLoad(t).others(before)
		t.Logf("%v in all, %v of its own", elapsed.Round(time.Second), own.Round(time.Second))
		if own > limit {
			t.Errorf("it takes %v; want %v at most", own.Round(time.Second), limit)
		}
	})
}

// load is the time for which the processors of a host have been busy.
type load struct {
	processors time.Duration
	all        time.Duration // of all programs
	own        time.Duration // of this process and of those that it has started and that have ended
}

func newLoad(t *testing.T) load {
	t.Helper()
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		t.Fatal(err)
	}
	l, err := parseLoad(string(stat))
	if err != nil {
		t.Fatal("/proc/stat: ", err)
	}
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var used unix.Rusage
		if err := unix.Getrusage(who, &used); err != nil {
			t.Fatal(err)
		}
		l.own += time.Duration(used.Utime.Nano() + used.Stime.Nano())
	}
	return l
}

// parseLoad reads /proc/stat, as proc_stat(5) describes it.
func parseLoad(stat string) (l load, err error) {
	const tick = time.Second / 100
	var user, nice, system, idle, iowait, irq, softirq, steal time.Duration
	_, err = fmt.Sscanf(stat, "cpu %d %d %d %d %d %d %d %d", &user, &nice, &system, &idle, &iowait, &irq, &softirq, &steal)
	l.all = (user + nice + system + irq + softirq + steal) * tick
	l.processors = time.Duration(strings.Count(stat, "\ncpu"))
	if err == nil && l.processors == 0 {
		err = fmt.Errorf("no processors")
	}
	return l, err
}

// others returns for how long other programs have kept a processor busy since before, on average.
func (l load) others(before load) time.Duration {
	return max(0, (l.all-before.all)-(l.own-before.own)) / l.processors
}

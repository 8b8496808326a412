package docs

import (
	"slices"
	"testing"
)

// TestBarsAreMet refuses a measurement that is not as good as it must be.
func TestBarsAreMet(t *testing.T) {
	page := read(t, "performance.md")
	for _, row := range all(page, `(?m)^\| (.*) \| not met \|$`) {
		t.Error(row)
	}
	if rows := all(page, `(?m)^\| (.*) \| met \|$`); len(rows) < 30 {
		t.Errorf("%d bars are met; the table has more", len(rows))
	}
}

// TestWatchdogIsThatOfTheUnit compares what a quiet link and the simulation are measured with, and what the page says of it.
func TestWatchdogIsThatOfTheUnit(t *testing.T) {
	want := all(read(t, "../packaging/announcer.service"), `(?m)^WatchdogSec=(\d+)$`)
	for file, expression := range map[string]string{
		"../bench/quiet_test.go":            `watchdog = (\d+) \* time\.Second`,
		"../internal/testkit/world/host.go": `watchdog\s+= (\d+) \* time\.Second`,
		"performance.md":                    `watchdog of its unit, (\d+) s`,
		"../CHANGELOG.md":                   `(?s)\A.*?watchdog of the unit waits for (\d+) s`,
	} {
		t.Run(file, func(t *testing.T) {
			if got := all(read(t, file), expression); !slices.Equal(got, want) {
				t.Errorf("it has %q, and the unit %q", got, want)
			}
		})
	}
}

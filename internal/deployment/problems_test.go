package deployment

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"announcer/internal/status"
)

func TestProblems(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.Local)
	at := func(phone string, state status.TransferState, ago time.Duration) status.Transfer {
		return status.Transfer{From: netip.MustParseAddr(phone), Model: "D40", State: state, File: "D40.eff", Has: 10 * mb, Size: 40 * mb, Started: now.Add(-ago - time.Second), Seconds: 1}
	}
	stranger := at("192.0.2.66", status.Stopped, time.Hour)
	stranger.Model = ""
	vendor := stranger
	vendor.MAC = "00:0f:d3:00:00:01"
	const stopped = "192.0.2.1 (D40) stopped at 11:59:00 with 25 % of D40.eff, and has not gone on"
	for _, test := range []struct {
		name      string
		transfers []status.Transfer
		faults    map[string]error
		want      []string
	}{
		{"none", []status.Transfer{at("192.0.2.1", status.Loading, 0), at("192.0.2.2", status.Loaded, time.Hour)}, nil, nil},
		{"a phone that stopped", []status.Transfer{at("192.0.2.1", status.Stopped, time.Minute)}, nil, []string{stopped}},
		{"a phone that stopped just now", []status.Transfer{at("192.0.2.1", status.Stopped, stoppedMost/2)}, nil, nil},
		{"a phone that loads another file", []status.Transfer{at("192.0.2.1", status.Stopped, time.Hour), at("192.0.2.1", status.Loading, 0)}, nil, nil},
		{"another client", []status.Transfer{stranger}, nil, nil},
		{"a phone by its hardware address", []status.Transfer{vendor}, nil, []string{"192.0.2.66 (00:0f:d3:00:00:01) stopped at 11:00:00 with 25 % of D40.eff, and has not gone on"}},
		{"a file that was changed", nil, map[string]error{"D65.eff": errors.New("it has changed"), "D40.eff": errors.New("it is gone")}, []string{
			"D40.eff can't be loaded: it is gone; want the file as it was when it was announced, or a restart of this command",
			"D65.eff can't be loaded: it has changed; want the file as it was when it was announced, or a restart of this command",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := problems(now, test.transfers, test.faults); !slices.Equal(got, test.want) {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

// Many phones that stopped are not listed one by one.
func TestManyProblems(t *testing.T) {
	now := time.Now()
	var transfers []status.Transfer
	for i := range 100 {
		transfers = append(transfers, status.Transfer{From: netip.MustParseAddr(fmt.Sprintf("192.0.2.%d", i)), Model: "D40", State: status.Stopped, Started: now.Add(-time.Hour)})
	}
	list := problems(now, transfers, nil)
	if last := list[len(list)-1]; len(list) != problemsMost+1 || !strings.HasPrefix(last, "80 more phones stopped") {
		t.Errorf("%d problems, the last one is %q", len(list), last)
	}
}

//go:build linux

package boot

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestAwaitReply(t *testing.T) {
	const greeting = `{"QMP": {"version": {}}}` + "\n" + `{"event": "STOP", "timestamp": {}}` + "\n"
	tests := []struct{ name, replies, want string }{
		{"done", greeting + `{"return": {}, "id": "stop"}`, ""},
		{"refused", greeting + `{"error": {"desc": "no"}, "id": "stop"}`, "refuses"},
		{"of another command", `{"return": {}, "id": "cont"}`, "EOF"},
		{"ended", greeting, "EOF"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := awaitReply(json.NewDecoder(strings.NewReader(test.replies)), "stop")
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v; want %q", err, test.want)
			}
		})
	}
}

// TestClockWrites wants the registers of a hardware clock in decimal digits.
func TestClockWrites(t *testing.T) {
	var got string
	for _, w := range clockWrites(time.Date(2026, 11, 28, 9, 5, 59, 0, time.UTC)) {
		got += fmt.Sprintf("%02x=%02x ", w.register, w.value)
	}
	if want := "0b=82 00=59 02=05 04=09 07=28 08=11 09=26 32=20 0b=02 "; got != want {
		t.Errorf("got %s; want %s", got, want)
	}
}

// TestMachineOff wants an order to a machine that is off to fail.
func TestMachineOff(t *testing.T) {
	m := &Machine{Name: "pbx"}
	m.PowerCut()
	if out, err := m.Try("true"); err == nil || err.Error() != "pbx is off" {
		t.Errorf("%q, %v", out, err)
	}
}

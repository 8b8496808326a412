//go:build linux

package boot

import (
	"encoding/json"
	"strings"
	"testing"
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

// TestMachineOff wants an order to a machine that is off to fail.
func TestMachineOff(t *testing.T) {
	m := &Machine{Name: "pbx"}
	m.PowerCut()
	if out, err := m.Try("true"); err == nil || err.Error() != "pbx is off" {
		t.Errorf("%q, %v", out, err)
	}
}

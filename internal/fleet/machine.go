package fleet

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
)

// MachineID returns a name of this machine, from its start to its end, that no other one has, even if it is a copy. A
// container has one of its own.
func MachineID() string {
	h := sha256.New()
	for _, file := range []string{"/etc/machine-id", "/proc/sys/kernel/random/boot_id"} {
		id, _ := os.ReadFile(file) // the others are enough
		h.Write(id)
	}
	network, _ := os.Readlink("/proc/self/ns/net")
	h.Write([]byte(network))
	return hex.EncodeToString(h.Sum(nil)[:6])
}

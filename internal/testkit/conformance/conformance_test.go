package conformance

import (
	"fmt"
	"testing"

	"announcer/internal/publication"
)

// seedsPerCheck are tried for each check, since delays are random.
var seedsPerCheck = uint64(5)

func TestResponderObeysEveryRule(t *testing.T) {
	for _, v := range publication.IPVersions() {
		for _, check := range Checks() {
			t.Run(fmt.Sprintf("IPv%d/%s/%s", v, check.Section, check.Rule), func(t *testing.T) {
				t.Parallel()
				for seed := range seedsPerCheck {
					if result := check.Run(NewSimLab(seed), v); result.Verdict != Pass {
						t.Fatalf("seed %d: %v", seed, result)
					}
				}
			})
		}
	}
}

//go:build linux

package world

// shrinkMost is the most lives that are lived to find fewer steps.
const shrinkMost = 300

// Shrink returns as few steps as it can find with which a world still fails: it leaves out ever smaller parts of them.
func Shrink(steps []Step, fails func([]Step) bool) []Step {
	lives := 0
	for size := len(steps) / 2; size > 0; size /= 2 {
		for at := 0; at+size <= len(steps) && lives < shrinkMost; lives++ {
			fewer := append(steps[:at:at], steps[at+size:]...)
			if fails(fewer) {
				steps = fewer
			} else {
				at += size
			}
		}
	}
	return steps
}

package publication

import (
	"fmt"
	"strings"
)

// maxNames is the most names that [Names] has in a line.
const maxNames = 10

// Names lists names for people, at most ten, and counts the others: a host can have thousands of links.
func Names(list []string) string {
	if more := len(list) - maxNames; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(list[:maxNames], ", "), more)
	}
	return strings.Join(list, ", ")
}

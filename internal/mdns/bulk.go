package mdns

import (
	"fmt"
	"strconv"
	"strings"
)

// EventsMost is the number of events that an engine keeps for a receiver that does not take them: what 2,000 services on 200
// links cause at once, twice.
const EventsMost = 1 << 20

// BulkMore is the number of events of one kind at once above which one line stands for all of them.
const BulkMore = 100

// Bulk describes events of one kind in one line, such as "announced 2,000 services on 200 links".
func Bulk(kind EventKind, events []Event) string {
	services, links := map[string]bool{}, map[string]bool{}
	for _, e := range events {
		if e.Name != "" {
			services[e.ID+"\x00"+strconv.Itoa(e.Service)] = true
		}
		if e.Link != "" {
			links[e.Link] = true
		}
	}
	text := kind.String()
	if len(services) > 0 {
		text += " " + count(len(services), "service")
	}
	if len(links) > 0 {
		text += " on " + count(len(links), "link")
	}
	return text
}

// count returns "1 link" or "2,000 links".
func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%s %s", grouped(n), what)
}

// grouped returns a number with a comma between thousands.
func grouped(n int) string {
	digits := strconv.Itoa(n)
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}

//go:build linux

package interop

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// service is what a DNS-SD browser finds out about a service.
type service struct {
	Name, Type, Domain, Host string
	Port                     int
	TXT                      []string
}

// sighting is a service as it is seen on one IP version.
type sighting struct {
	Version string // "IPv4" or "IPv6"
	Address string // "the server's", or another
	Service service
}

// theServers stands for the addresses of the machine that announces.
const theServers = "the server's"

// onBothVersions returns the sightings of services that are announced on both IP versions.
func onBothVersions(services ...service) []sighting {
	var seen []sighting
	for _, s := range services {
		seen = append(seen, sighting{"IPv4", theServers, s}, sighting{"IPv6", theServers, s})
	}
	return inOrder(seen)
}

func inOrder(seen []sighting) []sighting {
	slices.SortFunc(seen, func(a, b sighting) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return slices.CompactFunc(seen, func(a, b sighting) bool { return cmp.Equal(a, b) })
}

// browse lists the services of all types that avahi-browse finds.
func (n neighbour) browse(t *testing.T) []sighting {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := n.output(ctx, "avahi-browse", "--all", "--resolve", "--terminate", "--parsable", "--no-db-lookup")
	if err != nil {
		t.Fatal(err)
	}
	var found []sighting
	for line := range strings.Lines(out) {
		if s, ok := n.sighting(strings.TrimSuffix(line, "\n")); ok {
			found = append(found, s)
		}
	}
	return inOrder(found)
}

// sighting reads a line of avahi-browse about a service that was resolved.
func (n neighbour) sighting(line string) (s sighting, ok bool) {
	fields := strings.SplitN(line, ";", 10)
	if len(fields) < 10 || fields[0] != "=" {
		return sighting{}, false
	}
	port, err := strconv.Atoi(fields[8])
	s = sighting{Version: fields[2], Address: fields[7], Service: service{
		Name: unescape(fields[3]), Type: fields[4], Domain: fields[5], Host: fields[6], Port: port, TXT: unquote(fields[9]),
	}}
	if s.Address == n.link.v4+"1" || s.Address == n.link.v6+"1" {
		s.Address = theServers
	}
	return s, err == nil
}

// await waits until the neighbour sees what it should, and nothing else.
func (n neighbour) await(t *testing.T, want []sighting) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; {
		diff := cmp.Diff(want, n.browse(t))
		if diff == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the neighbour does not see what it should (-want +got):\n%s", diff)
		}
	}
}

// unescape reads text as Avahi prints it: \DDD is a byte, \ before another character is that character.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
			if n, err := strconv.ParseUint(s[i:min(i+3, len(s))], 10, 8); err == nil {
				b.WriteByte(byte(n))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

var quotedString = regexp.MustCompile(`"((?:[^"\\]|\\.)*)"`)

// unquote takes TXT strings apart as avahi-browse prints them: in quotes, the last one first.
func unquote(s string) []string {
	var strs []string
	for _, quoted := range quotedString.FindAllStringSubmatch(s, -1) {
		strs = append(strs, unescape(quoted[1]))
	}
	slices.Reverse(strs)
	return strs
}

// watch is avahi-browse at work, which reports what comes and goes.
type watch struct{ *process }

func (n neighbour) watch(t *testing.T) watch {
	t.Helper()
	return watch{n.start(t, "avahi-browse", "--all", "--parsable", "--no-db-lookup")}
}

// await waits until a number of services is there, counted by IP version.
func (w watch) await(t *testing.T, count int, limit time.Duration) {
	t.Helper()
	for deadline := time.Now().Add(limit); ; time.Sleep(10 * time.Millisecond) {
		there := w.there()
		if len(there) == count {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("the neighbour lists %d services after %v, want %d:\n%s", len(there), limit, count, strings.Join(there, "\n"))
			return
		}
	}
}

// there returns the services that have come and not gone, as avahi-browse names them.
func (w watch) there() []string {
	var there []string
	for line := range strings.Lines(w.out.String()) {
		if came, ok := strings.CutPrefix(line, "+;"); ok {
			there = append(there, came)
		}
		if gone, ok := strings.CutPrefix(line, "-;"); ok {
			there = slices.DeleteFunc(there, func(s string) bool { return s == gone })
		}
	}
	return there
}

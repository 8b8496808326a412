//go:build linux

package interop

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// startResolved starts systemd-resolved with multicast DNS on the neighbour's interface.
func startResolved(t *testing.T, n neighbour) {
	n.startBus(t)
	n.machine.startResolved(t)
	n.enableResolved(t, "eth0")
}

// startResolved starts systemd-resolved.
func (m machine) startResolved(t *testing.T) *process {
	t.Helper()
	write(t, m.dir, "systemd/resolved.conf", "[Resolve]\nMulticastDNS=yes\nLLMNR=no\nDNSStubListener=no\n")
	return m.start(t, "systemd-resolved")
}

// enableResolved lets systemd-resolved use multicast DNS on an interface, as soon as it is at work.
func (m machine) enableResolved(t *testing.T, name string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		out, err := m.output(t.Context(), "resolvectl", "mdns", name, "yes")
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("systemd-resolved does not take its settings: %v\n%s", err, out)
		}
	}
}

// findByResolved asks systemd-resolved for all types, their services, the host's addresses and their names.
func findByResolved(ctx context.Context, n neighbour) (found discovery, err error) {
	types, err := n.pointers(ctx, "_services._dns-sd._udp.local")
	if err != nil {
		return found, err
	}
	for _, typ := range types {
		instances, err := n.pointers(ctx, typ)
		if err != nil {
			return found, err
		}
		for _, instance := range instances {
			name, _ := cutLabel(instance)
			out, err := n.output(ctx, "resolvectl", "service", unescape(name), strings.TrimSuffix(typ, ".local"), "local")
			if err != nil {
				return found, fmt.Errorf("%w\n%s", err, out)
			}
			s, err := resolvedService(out)
			if err != nil {
				return found, err
			}
			found.Services = append(found.Services, s)
		}
	}
	for _, version := range n.link.versions() {
		out, err := n.output(ctx, "resolvectl", version, "query", "--legend=no", hostname+".local")
		if err != nil {
			return found, err
		}
		for _, match := range addressOnLink.FindAllStringSubmatch(out, -1) {
			found.Addresses = append(found.Addresses, match[1])
		}
	}
	for _, address := range found.Addresses {
		out, err := n.output(ctx, "resolvectl", "query", "--legend=no", address)
		if err != nil {
			return found, err
		}
		name := strings.TrimPrefix(out, address+": ")
		found.Names = append(found.Names, strings.Fields(name)[0])
	}
	return found, nil
}

// addressOnLink is an address as resolvectl prints it, before its interface.
var addressOnLink = regexp.MustCompile(`([0-9a-f.:]+) +--`)

// pointers returns what the PTR records of a name say.
func (m machine) pointers(ctx context.Context, name string) (targets []string, err error) {
	out, err := m.output(ctx, "resolvectl", "query", "--legend=no", "--type=PTR", name)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(out) {
		if _, target, ok := strings.Cut(line, " IN PTR "); ok {
			target, _, _ = strings.Cut(target, " ")
			targets = append(targets, target)
		}
	}
	return targets, nil
}

var resolvedHead = regexp.MustCompile(`(?s)^(.*)/([^/]*)/([^/]*): ([^ ]*):([0-9]+) `)

// resolvedService reads what "resolvectl service" prints: the name with the host and port, then a line for each
// address and each TXT string, then a legend.
func resolvedService(out string) (service, error) {
	head := resolvedHead.FindStringSubmatch(out)
	if head == nil {
		return service{}, fmt.Errorf("resolvectl says %q", out)
	}
	port, err := strconv.Atoi(head[5])
	s := service{Name: head[1], Type: head[2], Domain: head[3], Host: head[4], Port: port}
	lines := strings.Split(out, "\n")[1:]
	for _, line := range lines {
		line = strings.TrimSpace(line)
		if line == "" {
			break
		}
		if !strings.Contains(line, " -- link: ") {
			s.TXT = append(s.TXT, unescapeC(line))
		}
	}
	return s, err
}

// unescapeC reads text in which bytes are written as in C: \n, \", \377.
func unescapeC(s string) string {
	var b strings.Builder
	for s != "" {
		if len(s) >= 2 && s[0] == '\\' && (s[1] == '"' || s[1] == '\'') {
			b.WriteByte(s[1])
			s = s[2:]
			continue
		}
		char, _, rest, err := strconv.UnquoteChar(s, 0)
		if err != nil {
			return b.String() + s
		}
		if s[0] == '\\' {
			b.WriteByte(byte(char))
		} else {
			b.WriteRune(char)
		}
		s = rest
	}
	return b.String()
}

package zeroconf

import (
	"fmt"
	"maps"
	"sync"

	"announcer/internal/mdns"
	"announcer/internal/publication"
)

// holders knows the programs that have port 5353 for themselves. To look them up can take a second for each IP version, so
// that a goroutine of its own does it while the engine runs.
type holders struct {
	lookUp  func(publication.IPVersion) string // "" if none is known
	changed func()                             // called when other programs were found than before

	mu      sync.Mutex // guards what follows
	looking bool
	names   map[publication.IPVersion]string
}

// refresh has the holders looked up, unless that is being done.
func (h *holders) refresh() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.looking {
		return
	}
	h.looking = true
	go func() {
		if h.find() {
			h.changed()
		}
	}()
}

// find looks the holders up, and reports whether they are others than before.
func (h *holders) find() bool {
	names := map[publication.IPVersion]string{}
	for _, v := range publication.IPVersions() {
		names[v] = h.lookUp(v)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	changed := !maps.Equal(names, h.names)
	h.looking, h.names = false, names
	return changed
}

// name names the programs that were found last, "" if none is known.
func (h *holders) name(v publication.IPVersion) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.names[v]
}

// whyNoIPv4 returns why the library may have no socket for IPv4.
func (h *holders) whyNoIPv4() string {
	if name := h.name(publication.V4); name != "" {
		return held(publication.V4, name)
	}
	return fmt.Sprintf("another program holds port %d for IPv4, or the multicast group can't be joined", mdns.Port)
}

// blame adds to an error of opening sockets who has the port, if that is known.
func (h *holders) blame(err error) error {
	for _, v := range publication.IPVersions() {
		if name := h.name(v); name != "" {
			return fmt.Errorf("%w; %s", err, held(v, name))
		}
	}
	return err
}

func held(v publication.IPVersion, by string) string {
	return fmt.Sprintf("port %d for IPv%d is held by %s, which does not share it", mdns.Port, v, by)
}

package daemon

import (
	"maps"
	"slices"
	"sync"
)

// troubles are sentences about what does not work beside announcing, by what it is.
type troubles struct {
	mu    sync.Mutex
	texts map[string]string
}

// set notes what is wrong with something, "" if nothing is.
func (t *troubles) set(what, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if text == "" {
		delete(t.texts, what)
		return
	}
	if t.texts == nil {
		t.texts = map[string]string{}
	}
	t.texts[what] = text
}

// list returns all sentences, sorted.
func (t *troubles) list() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Sorted(maps.Values(t.texts))
}

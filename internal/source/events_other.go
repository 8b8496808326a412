//go:build !linux

package source

import (
	"fmt"

	"github.com/fsnotify/fsnotify"
)

// events reports what happens at paths.
type events struct {
	happened chan string // paths, "" if events were lost; closed when there will be no more
	ended    chan struct{}
	watcher  *fsnotify.Watcher
}

func newEvents() (*events, error) {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	return &events{happened: make(chan string), ended: make(chan struct{}), watcher: watcher}, nil
}

// watch has everything reported that can change what a look finds. It goes on after an error, and returns the last one.
func (e *events) watch(w ways) (err error) {
	for dir := range w.dirs {
		if failed := e.watcher.Add(dir); failed != nil {
			err = fmt.Errorf("%s cannot be watched: %w", dir, failed)
		}
	}
	return err
}

// follow hands over what happens until the events are closed.
func (e *events) follow() {
	defer close(e.happened)
	for {
		var path string
		select {
		case event, open := <-e.watcher.Events:
			if !open {
				return
			}
			path = event.Name
		case <-e.watcher.Errors:
		case <-e.ended:
			return
		}
		select {
		case e.happened <- path:
		case <-e.ended:
			return
		}
	}
}

// Close ends the events.
func (e *events) Close() error {
	close(e.ended)
	return e.watcher.Close()
}

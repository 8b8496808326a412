//go:build !linux

package disk

import "github.com/fsnotify/fsnotify"

// watch has the events of a library.
type watch struct {
	happened chan string
	ended    chan struct{}
	watcher  *fsnotify.Watcher
}

func (host) Watch() (Watch, error) {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	w := &watch{happened: make(chan string), ended: make(chan struct{}), watcher: watcher}
	go w.follow()
	return w, nil
}

func (w *watch) AddDir(path string) error { return w.watcher.Add(path) }

// AddFile adds nothing: writes are reported for the directory of the file.
func (w *watch) AddFile(string) error { return nil }

func (w *watch) Events() <-chan string { return w.happened }

// follow hands over what happens until the watch is closed.
func (w *watch) follow() {
	defer close(w.happened)
	for {
		var path string
		select {
		case event, open := <-w.watcher.Events:
			if !open {
				return
			}
			path = event.Name
		case <-w.watcher.Errors:
		case <-w.ended:
			return
		}
		select {
		case w.happened <- path:
		case <-w.ended:
			return
		}
	}
}

func (w *watch) Close() error {
	close(w.ended)
	return w.watcher.Close()
}

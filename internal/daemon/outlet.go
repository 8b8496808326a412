package daemon

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"announcer/internal/control"
)

// listenAgain is the time after which it is tried again to open an outlet.
const listenAgain = 10 * time.Second

// outlet is where the daemon answers others of this host. That it can't be opened is told, and hinders nothing else.
type outlet struct {
	name   string
	first  net.Listener // opened already, or nil
	listen func() (net.Listener, error)
	http   http.Handler
}

// openSocket opens the control socket before anything is announced: another daemon that has it is an error. Where it
// can't be opened for another reason, that is tried again later.
func (d *Daemon) openSocket() (net.Listener, error) {
	if len(d.Sockets) == 0 {
		return nil, nil
	}
	l, err := control.Listen(d.Sockets)
	if running, ok := errors.AsType[*control.RunningError](err); ok {
		return nil, running
	}
	return l, nil // serve tells of another error
}

// serve answers until ctx is done. It is ready when somebody can ask, or when it was said that nobody can.
func (d *Daemon) serve(ctx context.Context, o outlet, ready func()) error {
	l := o.first
	defer func() {
		if l != nil {
			l.Close() // ctx ended before anybody could ask
		}
	}()
	var told string
	for ctx.Err() == nil {
		var err error
		if l == nil {
			l, err = o.listen()
		}
		if err == nil {
			told = ""
			d.trouble(ctx, o.name, "")
			ready()
			d.Log.Debug("listens", "for", o.name, "address", l.Addr().String())
			err = control.Serve(ctx, l, o.http, d.Log)
			l = nil
		}
		if ctx.Err() != nil {
			return nil
		}
		text := o.name + " does not work: " + err.Error()
		if text != told {
			d.Log.Warn(o.name+" does not work; announcing goes on, and it is tried again", "error", err)
			told = text
		}
		d.trouble(ctx, o.name, text)
		ready()
		select {
		case <-ctx.Done():
		case <-time.After(listenAgain):
		}
	}
	return nil
}

// trouble notes what is wrong with something, "" where nothing is.
func (d *Daemon) trouble(ctx context.Context, what, text string) {
	// An error means that the daemon ends, and then nobody wants to know.
	_ = d.do(ctx, func() {
		if text == "" {
			delete(d.troubles, what)
		} else {
			d.troubles[what] = text
		}
	})
}

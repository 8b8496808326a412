package daemon

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"announcer/internal/admission"
	"announcer/internal/control"
)

// listenAgain is the time after which it is tried again to open an outlet.
const listenAgain = 10 * time.Second

// outlet is where the daemon answers others of this host. That it can't be opened is reported, and hinders nothing else.
type outlet struct {
	name     string
	first    net.Listener // opened already, or nil
	listen   func() (net.Listener, error)
	http     http.Handler
	log      *slog.Logger
	troubles *troubles
}

// openSocket opens the control socket before anything is announced: another daemon that has it is an error. If it can't be
// opened for another reason, that is tried again later.
func openSocket(system control.System, places []string) (net.Listener, error) {
	if len(places) == 0 {
		return nil, nil
	}
	l, err := control.Listen(system, places)
	if running, ok := errors.AsType[*control.RunningError](err); ok {
		return nil, running
	}
	return l, nil // serve reports another error
}

// serve answers until ctx is done. It is ready when clients can ask, or when it was logged that none can.
func (o outlet) serve(ctx context.Context, ready func()) error {
	l := o.first
	defer func() {
		if l != nil {
			l.Close() // ctx ended before a client could ask
		}
	}()
	var told string
	for ctx.Err() == nil {
		var err error
		if l == nil {
			l, err = o.listen()
		}
		if err == nil {
			if told != "" {
				o.log.Info(o.name + " works again")
			}
			told = ""
			o.troubles.set(o.name, "")
			ready()
			o.log.Debug("listens", "for", o.name, "address", l.Addr().String())
			err = control.Serve(ctx, admission.Attend(l, o.refuses), o.http, o.log)
			o.troubles.set(o.refusal(), "")
			l = nil
		}
		if ctx.Err() != nil {
			return nil
		}
		text := o.name + " does not work: " + err.Error()
		if text != told {
			o.log.Warn(o.name+" does not work; announcing goes on, and it is tried again", "error", err)
			told = text
		}
		o.troubles.set(o.name, text)
		ready()
		select {
		case <-ctx.Done():
		case <-time.After(listenAgain):
		}
	}
	return nil
}

// refuses reports that the outlet takes no clients, or does again.
func (o outlet) refuses(why error) {
	if why == nil {
		o.troubles.set(o.refusal(), "")
		o.log.Info(o.name + " takes clients again")
		return
	}
	o.troubles.set(o.refusal(), o.refusal()+": "+why.Error())
	o.log.Warn(o.refusal()+"; announcing goes on, and it is tried again", "error", why)
}

func (o outlet) refusal() string { return o.name + " takes no clients" }

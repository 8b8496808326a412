package health

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"announcer/internal/guard"
	"announcer/internal/sip"
)

// Asker asks servers.
type Asker struct {
	Lookup guard.Lookup // of the hosts that probes name
}

// Ask puts the question to the server. The error, a sentence without the target, says why that is no answer. It ends when
// ctx does, whatever the server does, and reads no more of it than [guard.MaxBytes] a connection.
func (a Asker) Ask(ctx context.Context, p Probe) error {
	switch p.Method {
	case Connect:
		conn, err := guard.Lookup(a.each).Dial(ctx, "tcp", p.Target)
		if err != nil {
			return guard.Failure(ctx, err)
		}
		return conn.Close()
	case File, Page:
		return a.head(ctx, p)
	case Options:
		return a.askSIP(ctx, p.Target)
	}
	return fmt.Errorf("there is no method %d", p.Method)
}

func (a Asker) head(ctx context.Context, p Probe) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, p.Target, nil)
	if err != nil {
		return err
	}
	req.Header.Set("User-Agent", "announcer")
	res, err := guard.HTTP(ctx, guard.Lookup(a.each).Dial).Do(req)
	if _, elsewhere := errors.AsType[*guard.RedirectError](err); elsewhere && p.Method == Page {
		return nil // that is an answer
	}
	if err != nil {
		return guard.Failure(ctx, err)
	}
	res.Body.Close()
	switch {
	case p.Method == Page && res.StatusCode < http.StatusInternalServerError:
		return nil
	case res.StatusCode != http.StatusOK:
		return errors.New(guard.Clip(res.Status))
	case p.Method == File && res.ContentLength == 0:
		return errors.New("the file is empty")
	}
	return nil
}

func (a Asker) askSIP(ctx context.Context, target string) error {
	server, err := sip.ParseURL(target)
	if err != nil {
		return err
	}
	return a.each(ctx, server.Host, func(host string) error {
		server.Host = host
		_, err := sip.Alive(ctx, server)
		return err
	})
}

// each calls try with a host or its addresses; [thisHost] stands for any address of this host.
func (a Asker) each(ctx context.Context, host string, try func(host string) error) error {
	if host == thisHost {
		return guard.OwnAddresses(try)
	}
	return a.Lookup(ctx, host, try)
}

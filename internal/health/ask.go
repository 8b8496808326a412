package health

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"

	"announcer/internal/guard"
	"announcer/internal/sip"
)

// Ask puts the question to the server. The error, a sentence without the target, says why that is no answer. It ends when
// ctx does, whatever the server does, and reads no more of it than [guard.MaxBytes] a connection.
func Ask(ctx context.Context, p Probe) error {
	switch p.Method {
	case Connect:
		conn, err := dial(ctx, "tcp", p.Target)
		if err != nil {
			return guard.Failure(ctx, err)
		}
		return conn.Close()
	case File, Page:
		return head(ctx, p)
	case Options:
		return askSIP(ctx, p.Target)
	}
	return fmt.Errorf("there is no method %d", p.Method)
}

func head(ctx context.Context, p Probe) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, p.Target, nil)
	if err != nil {
		return err
	}
	req.Header.Set("User-Agent", "announcer")
	res, err := guard.HTTP(ctx, dial).Do(req)
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

func askSIP(ctx context.Context, target string) error {
	server, err := sip.ParseURL(target)
	if err != nil {
		return err
	}
	if server.Host == thisHost {
		return anyOwn(func(host string) error {
			server.Host = host
			return aliveSIP(ctx, server)
		})
	}
	return aliveSIP(ctx, server)
}

func aliveSIP(ctx context.Context, server sip.Target) error {
	_, err := sip.Alive(ctx, server)
	return err
}

// dial connects to an address; [thisHost] stands for any of this host's.
func dial(ctx context.Context, network, address string) (conn net.Conn, err error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if host != thisHost {
		return guard.Dial(ctx, network, address)
	}
	err = anyOwn(func(host string) error {
		conn, err = guard.Dial(ctx, network, net.JoinHostPort(host, port))
		return err
	})
	return conn, err
}

// anyOwn tries the addresses of this host until one will do.
func anyOwn(try func(host string) error) error {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return err
	}
	err = errors.New("this host has no address")
	for _, a := range addrs {
		ip, _, parseErr := net.ParseCIDR(a.String())
		if parseErr != nil || ip.IsLinkLocalUnicast() {
			continue
		}
		if err = try(ip.String()); err == nil {
			return nil
		}
	}
	return err
}

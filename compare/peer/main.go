// Command peer publishes Avahi files with a Go library for multicast DNS, so that the library can be compared with
// announcer: "peer zeroconf DIR" or "peer dnssd DIR" publishes those in DIR on the interface eth0, by the name of the
// machine, reads them again on SIGHUP, and withdraws them on SIGTERM. "peer versions" prints the versions of the
// libraries.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"syscall"

	"announcer/internal/avahixml"
	"announcer/services"
)

// library publishes groups, each of one service.
type library interface {
	add(g services.Group) error
	remove(g services.Group)
	setText(g services.Group)
	// ready is called once all is added that was there at the start, and after every change.
	ready()
	// close withdraws the services.
	close()
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "peer:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 1 && args[0] == "versions" {
		return printVersions()
	}
	if len(args) != 2 {
		return fmt.Errorf("want zeroconf or dnssd and a folder, or versions; have %q", args)
	}
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	lib, err := open(args[0], host)
	if err != nil {
		return err
	}
	return publish(lib, host, args[1])
}

func open(name, host string) (library, error) {
	switch name {
	case "zeroconf":
		return newZeroconf(host)
	case "dnssd":
		return newDNSSD(host)
	}
	return nil, fmt.Errorf("no library %q; want zeroconf or dnssd", name)
}

// publish publishes what is in a folder until it is stopped.
func publish(lib library, host, dir string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	reload := make(chan os.Signal, 1)
	signal.Notify(reload, syscall.SIGHUP)
	published := map[string]services.Group{} // by file
	for {
		wanted, err := read(host, dir)
		if err == nil {
			err = apply(lib, published, wanted)
		}
		if err != nil {
			return err
		}
		published = wanted
		lib.ready()
		select {
		case <-reload:
		case <-ctx.Done():
			lib.close()
			return nil
		}
	}
}

// apply does the least that leads from what is published to what is wanted. Groups keep everything but their TXT.
func apply(lib library, published, wanted map[string]services.Group) error {
	for file, g := range published {
		if _, ok := wanted[file]; !ok {
			lib.remove(g)
		}
	}
	for file, g := range wanted {
		old, ok := published[file]
		switch {
		case !ok:
			if err := lib.add(g); err != nil {
				return err
			}
		case !old.Services[0].Equal(g.Services[0]):
			lib.setText(g)
		}
	}
	return nil
}

func read(host, dir string) (map[string]services.Group, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.service"))
	if err != nil {
		return nil, err
	}
	groups := map[string]services.Group{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		written := avahixml.Decode(file, text)
		if err := written.Check(host).Err(); err != nil {
			return nil, err
		}
		groups[file] = written.Groups[0].Group
	}
	return groups, nil
}

// printVersions prints "MODULE VERSION" for each library.
func printVersions() error {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return fmt.Errorf("the program does not know what it was built from")
	}
	for _, m := range info.Deps {
		if m.Path == "github.com/grandcat/zeroconf" || m.Path == "github.com/brutella/dnssd" {
			fmt.Println(m.Path, m.Version)
		}
	}
	return nil
}

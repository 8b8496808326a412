package daemon_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"announcer/internal/daemon"
	"announcer/internal/netwatch"
	"announcer/internal/publication"
	"announcer/internal/source"
	"announcer/internal/testkit/mdnstest"
)

// links are those of a host with an eth0. A program has a [netwatch.Watcher].
type links chan netwatch.Reading

func (l links) Readings() <-chan netwatch.Reading { return l }
func (l links) Refresh()                          {}

// engine puts nothing on any network, and calls applied when it is to announce something.
type engine struct {
	*mdnstest.Publisher
	applied func()
}

func (e engine) Apply(ctx context.Context, d publication.Desired) error {
	defer e.applied()
	return e.Publisher.Apply(ctx, d)
}

func ExampleDaemon_Run() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	const desk = `<service-group><name>Desk</name><service><type>_sip._udp</type><port>5060</port></service></service-group>`
	if err := os.WriteFile(filepath.Join(dir, "desk.service"), []byte(desk), 0o644); err != nil {
		panic(err)
	}

	ctx, stop := context.WithCancel(context.Background())
	definitions := source.New(source.Request{Services: []string{dir}})
	go definitions.Run(ctx)
	first := <-definitions.Updates()
	eth0 := make(links, 1)
	eth0 <- netwatch.Reading{Links: publication.Links{{Index: 2, Name: "eth0"}}}
	publisher := mdnstest.New()
	d := &daemon.Daemon{
		Definitions: definitions,
		Snapshot:    first.Snapshot,
		Links:       eth0,
		Publisher:   engine{publisher, stop}, // it ends when it has begun; a program waits for SIGTERM
		Log:         slog.New(slog.DiscardHandler),
	}
	err = d.Run(ctx)
	announced := publisher.Applied()[0]
	fmt.Println(announced.Groups[0].Group.Name, "on", announced.Links[0].Name)
	fmt.Println("goodbye:", publisher.SaidGoodbye(), err)
	// Output:
	// Desk on eth0
	// goodbye: true <nil>
}

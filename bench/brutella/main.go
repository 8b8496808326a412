// Brutella announces services with github.com/brutella/dnssd, until its standard input ends. A line "add" there adds a
// service, a line "remove" takes the last one away.
//
//	brutella INTERFACE NUMBER
package main

import (
	"bufio"
	"context"
	"log"
	"os"
	"strconv"
	"strings"

	"github.com/brutella/dnssd"

	"announcer/bench"
)

func main() {
	n, err := strconv.Atoi(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	responder, err := dnssd.NewResponder()
	if err != nil {
		log.Fatal(err)
	}
	var handles []dnssd.ServiceHandle
	add := func() {
		s, err := dnssd.NewService(dnssd.Config{
			Name: bench.Name(len(handles)), Type: bench.Type, Port: bench.Port, Text: text(), Ifaces: os.Args[1:2],
		})
		if err != nil {
			log.Fatal(err)
		}
		h, err := responder.Add(s)
		if err != nil {
			log.Fatal(err)
		}
		handles = append(handles, h)
	}
	for range n {
		add()
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- responder.Respond(ctx) }()
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		switch last := len(handles) - 1; lines.Text() {
		case "add":
			add()
		case "remove":
			responder.Remove(handles[last])
			handles = handles[:last]
		}
	}
	stop()
	<-ended
}

// text returns the TXT strings as the library wants them.
func text() map[string]string {
	pairs := map[string]string{}
	for _, s := range bench.Text() {
		key, value, _ := strings.Cut(s, "=")
		pairs[key] = value
	}
	return pairs
}

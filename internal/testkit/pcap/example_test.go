package pcap_test

import (
	"os"
	"time"

	"announcer/internal/testkit/pcap"
)

// A capture of all that is sent on a network.
func ExampleWriter() {
	file, err := os.Create("cable.pcap")
	if err != nil {
		panic(err)
	}
	defer file.Close()
	capture := pcap.New(file)
	for frame := range make(chan []byte) {
		if err := capture.Frame(time.Now(), frame); err != nil {
			panic(err)
		}
	}
}

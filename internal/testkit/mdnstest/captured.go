package mdnstest

import (
	"embed"
	"path"
)

//go:embed captured
var captured embed.FS

// Captured returns what a program said on a real network, a message each, in order: "avahi-server" or another of
// captured/README.md; "*" is all of them.
func Captured(program string) [][]byte {
	files, _ := captured.ReadDir("captured")
	var messages [][]byte
	for _, file := range files {
		if ok, _ := path.Match(program+"-[0-9][0-9]", file.Name()); ok {
			message, _ := captured.ReadFile("captured/" + file.Name())
			messages = append(messages, message)
		}
	}
	if messages == nil {
		panic("no captured messages of " + program)
	}
	return messages
}

// Package endurance runs a daemon in minutes through the events of months: files that are edited, links that
// flap, reloads, junk from the network, kills. After every round an independent host at the other end of a cable asks for
// all services, and compares them with the files. At the end the process holds no more resources than at the start, and
// nothing was announced that no file defines.
//
// "go test" runs a short life of some seconds, "make endurance" the long one.
package endurance

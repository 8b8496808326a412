// Package endurance makes a daemon live through in minutes what otherwise takes months: files that are edited, links that
// flap, reloads, junk from the network, kills. After every round a stranger at the other end of a cable asks what
// there is, and that has to be what the files say. At the end the process holds no more than at the start, and
// nothing was ever announced that no file has said.
//
// "go test" runs a short life of some seconds, "make endurance" the long one.
package endurance

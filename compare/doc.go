// Package compare runs the conformance suite against announcer and against others of its kind, rule by rule, in one run
// on one machine. It is a module of its own, so that the program has nothing to do with what it is compared with.
package compare

// Package compare runs the conformance suite against announcer and other responders, rule by rule, in one run
// on one machine. It is a separate module, so that the program does not depend on the other responders.
package compare

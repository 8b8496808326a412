// Package recipes checks the files of examples/ that make announcer run in other systems, each by the tool that loads it there. It is
// a separate module, so that the program does not depend on the libraries of those systems.
package recipes

// Package guest holds the tests of the installed package that need a real systemd. They run as root on a machine that
// [announcer/internal/testkit/boot] boots.
package guest

// Package phones holds what announcer knows about phones: their models, the rules for announcements that they accept,
// directories of their firmware, the configuration that points them to it, and the DHCP options for links that multicast
// does not reach.
//
// Some of it is documented by the vendor; some is known from a single public example, and a text that is shown to users
// has a note. What is not verified is never an error.
package phones

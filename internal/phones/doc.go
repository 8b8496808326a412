// Package phones is what announcer knows about the phones that it serves: their models, what an announcement has to
// say so that they take it, directories of their firmware, the configuration that points them to it, and the DHCP
// options for links that multicast does not reach.
//
// Some of it is documented by the vendor; some rests on a single public example, and a text that is shown to people
// says so. What is not verified is never an error.
package phones

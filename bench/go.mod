module announcer/bench

go 1.26.0

replace announcer => ../

require (
	announcer v0.0.0-00010101000000-000000000000
	github.com/brutella/dnssd v1.2.14
	github.com/grandcat/zeroconf v1.0.1-0.20230119201135-e4f60f8407b1
	golang.org/x/net v0.62.0
	golang.org/x/sys v0.49.0
)

require (
	github.com/cenkalti/backoff v2.2.1+incompatible // indirect
	github.com/miekg/dns v1.1.73 // indirect
	github.com/vishvananda/netlink v1.2.1-beta.2 // indirect
	github.com/vishvananda/netns v0.0.0-20200728191858-db3c7e526aae // indirect
	golang.org/x/text v0.43.0 // indirect
)

package admission

import (
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"

	"announcer/internal/sysdb"
)

// Hosts passes a request on if its Host header (RFC 9110 §7.2) is an address, one of the names, or absent; else it answers
// 421. This keeps a page on the web from reading what is served here: a browser lets the page do so only under the page's own
// name, after that name was pointed to an address of this host (DNS rebinding), and never under an address.
//
// names returns the names, in any case, without ports; it is called for a header that is a name. key is where more of them can
// be configured, "" if nowhere.
func Hosts(next http.Handler, names func() []string, key string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !named(r.Host, names) {
			want := "this host has another name; want its address"
			if key != "" {
				want += ", or the name in " + key
			}
			http.Error(w, want, http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// named reports whether a Host header names one of the names, an address or nothing.
func named(header string, names func() []string) bool {
	host, _, err := net.SplitHostPort(header)
	if err != nil {
		host = strings.TrimSuffix(strings.TrimPrefix(header, "["), "]")
	}
	if _, err := netip.ParseAddr(host); err == nil || header == "" {
		return true
	}
	host = strings.TrimSuffix(host, ".")
	return slices.ContainsFunc(names(), func(name string) bool { return strings.EqualFold(name, host) })
}

// Names returns the names of this host: localhost, that of the system, and each label; short names also with .local and
// with the domains in which the system looks them up.
func Names(labels ...string) []string {
	if name, err := os.Hostname(); err == nil {
		short, _, _ := strings.Cut(name, ".")
		labels = append(labels, name, short)
	}
	return append(qualified(labels, sysdb.Domains()), "localhost")
}

// qualified returns labels, and those without a dot also with .local and in each domain.
func qualified(labels, domains []string) []string {
	var names []string
	for _, label := range labels {
		if label == "" {
			continue
		}
		names = append(names, label)
		if strings.Contains(label, ".") {
			continue
		}
		for _, domain := range append([]string{"local"}, domains...) {
			names = append(names, label+"."+domain)
		}
	}
	return names
}

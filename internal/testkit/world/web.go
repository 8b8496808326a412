//go:build linux

package world

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"hash/fnv"
	"maps"
	"math/big"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"time"
)

// response is what a web server does with a request.
type response struct {
	document
	words string // that say what is wrong with it; "": nothing is

	dial        error // why there is no connection; nil: there is one
	silent      bool  // it says nothing
	plain       bool  // it has no TLS
	certificate *tls.Certificate
	raw         *string // is sent instead of what follows; nil: nothing is

	status  int
	header  map[string]string
	body    string
	cut     int           // bytes of the body that are not sent
	pace    time.Duration // between two bytes of it
	version *version      // that the body is

	hop  bool          // the request follows from another one
	busy time.Duration // in which it wants no other one
}

// show has the answer be a version of the document.
func (a *response) show(v *version) {
	a.version, a.body = v, v.text
	a.header["Content-Type"] = "application/toml"
	a.header["Content-Length"] = fmt.Sprint(len(v.text))
	a.header["Date"] = time.Now().UTC().Format(http.TimeFormat)
	if a.dated {
		a.header["Last-Modified"] = v.modified.UTC().Format(http.TimeFormat)
		return
	}
	sum := fnv.New64a()
	sum.Write([]byte(v.text))
	a.header["ETag"] = fmt.Sprintf(`"%x"`, sum.Sum64())
}

// send has the body be another text, with the length of it.
func (a *response) send(text string) {
	a.body = text
	a.header["Content-Length"] = fmt.Sprint(len(text))
}

// chunk sends the body without its length before it, and without its end if it is not whole.
func (a *response) chunk(text string, whole bool) {
	a.body = fmt.Sprintf("%x\r\n%s\r\n", len(text), text)
	if whole {
		a.body += "0\r\n\r\n"
	}
	delete(a.header, "Content-Length")
	a.header["Transfer-Encoding"] = "chunked"
}

// waits reports whether the answer takes longer than a client waits.
func (a *response) waits() bool { return a.dial == errHangs || a.silent || a.pace > 0 }

// webFault is a way in which a web server answers that it should not.
type webFault struct {
	name  string
	words string // that the error has; "": the client can't know
	spoil func(a *response)
}

// set returns what sets a field of the head.
func set(name, value string) func(*response) { return func(a *response) { a.header[name] = value } }

func refuse(status int) func(*response) { return func(a *response) { a.status = status } }

// putOff returns what refuses a request, and any other one for a time.
func putOff(status int, busy time.Duration, text string) func(*response) {
	return func(a *response) { a.status, a.busy, a.header["Retry-After"] = status, busy, text }
}

func redirect(to string) func(*response) {
	return func(a *response) { a.status, a.header["Location"] = 302, to }
}

func unreached(err error) func(*response) { return func(a *response) { a.dial = err } }

func show(i int) func(*response) { return func(a *response) { a.certificate = certificates[i] } }

const long = 1<<20 + 1

// webFaults are the ways of failing. After each of them, what was known stays announced.
var webFaults = []webFault{
	{"refused", "no server listens on that port", unreached(syscall.ECONNREFUSED)},
	{"no route", "it can't be reached", unreached(syscall.EHOSTUNREACH)},
	{"no name", "is not found", unreached(&net.DNSError{Name: "prov.example.net", IsNotFound: true})},
	{"DNS fails", "has no address of", unreached(&net.DNSError{Name: "prov.example.net", Err: "server misbehaving"})},
	{"DNS hangs", "it does not answer", unreached(errHangs)},
	{"silent", "it does not answer", func(a *response) { a.silent = true }},
	{"no TLS", "it has no TLS on that port", func(a *response) { a.plain = true }},
	{"expired", "its certificate expired at", show(1)},
	{"not yet valid", "its certificate is not valid before", show(2)},
	{"another's certificate", "its certificate is for another name", show(3)},
	{"unknown authority", "signed by an authority that is not known", show(4)},

	{"garbage", "its answer is not one of the protocol", func(a *response) { a.raw = new("SSH-2.0-OpenSSH_9.2\r\n") }},
	{"nothing", "it closes the connection without an answer", func(a *response) { a.raw = new("") }},
	{"half a head", "its answer is not one of the protocol", func(a *response) { a.raw = new("HTTP/1.1 200 OK\r\nContent-Ty") }},
	{"endless head", "its answer is not one of the protocol", func(a *response) { a.header["X"] = strings.Repeat("x", 100<<10) }},
	{"half a body", "it ends in the middle", func(a *response) { a.cut = (len(a.body) + 1) / 2 }},
	{"length too large", "it ends in the middle", func(a *response) { a.header["Content-Length"] = "1000" }},
	{"length too small", "", func(a *response) {
		if a.document.version.here {
			a.send(a.body[:len(a.body)-len(a.body)/4])
			a.version = &version{here: true}
		}
	}},
	{"no length", "it does not send the length", func(a *response) { delete(a.header, "Content-Length") }},
	{"half of the chunks", "it ends in the middle", func(a *response) { a.chunk(a.body, false) }},
	{"slow body", "it does not answer", func(a *response) { a.pace = time.Second }},
	{"long body", "the document has more than", func(a *response) { a.send(strings.Repeat("#", long)) }},
	{"long chunks", "the document has more than", func(a *response) { a.chunk(strings.Repeat("#", long), true) }},

	{"login page", "of the type", set("Content-Type", "text/html")},
	{"JSON", "of the type", set("Content-Type", "application/json")},
	{"no type at all", "of the type", set("Content-Type", "/")},
	{"compressed", "in the encoding", set("Content-Encoding", "gzip")},
	{"page as a file", "the document is HTML", func(a *response) { a.send("<!DOCTYPE html><title>Log in</title>") }},
	{"empty", "the document is empty", func(a *response) { a.send("") }},
	{"only comments", "the document is empty", func(a *response) { a.send("# to be filled in\n\n") }},

	{"redirection to a portal", "it redirects to", redirect("https://portal.example.net/login")},
	{"redirections in a loop", "it redirects", redirect("/again")},
	{"redirection out of TLS", "it redirects from https to http", redirect("http://prov.example.net/again")},
	{"redirection without a target", "it answers 302", refuse(302)},
	{"nothing new, without end", "it answers 304", refuse(304)},
	{"204", "it answers 204", refuse(204)},
	{"206", "it answers 206", refuse(206)},
	{"401", "it answers 401", refuse(401)},
	{"403", "it answers 403", refuse(403)},
	{"404", "it answers 404", refuse(404)},
	{"429", "it answers 429", putOff(429, 30*time.Second, "30")},
	{"500", "it answers 500", refuse(500)},
	{"503", "it answers 503", putOff(503, time.Hour, "86400")},
	{"503 until a date", "it answers 503", func(a *response) {
		putOff(503, 10*time.Minute, time.Now().Add(10*time.Minute).UTC().Format(http.TimeFormat))(a)
	}},

	{"same again", "", func(a *response) { delete(a.header, "ETag"); delete(a.header, "Last-Modified") }},
	{"version before", "", func(a *response) { a.show(a.before) }},
	{"another site's", "", func(a *response) { a.show(a.elsewhere) }},
	{"clock ahead", "", set("Date", "Sun, 02 Jan 2000 00:00:00 GMT")},
	{"clock behind", "", set("Date", "Fri, 31 Dec 1999 00:00:00 GMT")},
}

// serve answers a request. Its error is that of a client that is gone before the end.
func (a *response) serve(c net.Conn) error {
	if a.silent {
		return discard(c)
	}
	if a.plain {
		go discard(c)
		_, err := c.Write([]byte("HTTP/1.0 400 Bad Request\r\n\r\nThis is no HTTPS port.\n"))
		return err
	}
	c = tls.Server(c, &tls.Config{Certificates: []tls.Certificate{*a.certificate}, SessionTicketsDisabled: true})
	request, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil {
		return err
	}
	gone := make(chan struct{})
	go func() { _ = discard(c); close(gone) }()
	if a.raw != nil {
		_, err = c.Write([]byte(*a.raw))
		return err
	}
	a.condition(request)
	_, err = c.Write([]byte(a.head()))
	for rest := a.body[:len(a.body)-a.cut]; err == nil && rest != ""; {
		part := rest
		if a.pace > 0 {
			select {
			case <-gone:
			case <-time.After(a.pace):
			}
			part = rest[:1]
		}
		rest = rest[len(part):]
		_, err = c.Write([]byte(part))
	}
	return err
}

// condition takes notice of what the client has.
func (a *response) condition(request *http.Request) {
	a.hop = request.URL.Path == "/again"
	has := request.Header.Get("If-None-Match") + request.Header.Get("If-Modified-Since")
	if has != "" && a.words == "" && has == a.header["ETag"]+a.header["Last-Modified"] {
		a.status = http.StatusNotModified
	}
	if a.status == http.StatusNotModified && has != "" {
		a.words, a.version = "", nil // the client keeps what it has
	}
	if a.status == http.StatusNotModified || a.status == http.StatusNoContent {
		a.body = ""
		delete(a.header, "Content-Length")
	}
}

// head returns the status line and the header.
func (a *response) head() string {
	var b strings.Builder
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", a.status, http.StatusText(a.status))
	for _, name := range slices.Sorted(maps.Keys(a.header)) {
		fmt.Fprintf(&b, "%s: %s\r\n", name, a.header[name])
	}
	return b.String() + "\r\n"
}

// certificates are those that servers show: a good one, and one for each way not to be good. All except the last are trusted.
var certificates = []*tls.Certificate{
	newCertificate("prov.example.net", 1990, 2040),
	newCertificate("prov.example.net", 1980, 1990),
	newCertificate("prov.example.net", 2030, 2040),
	newCertificate("portal.example.net", 1990, 2040),
	newCertificate("prov.example.net", 1990, 2040),
}

func newCertificate(name string, from, until int) *tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	year := func(y int) time.Time { return time.Date(y, 1, 1, 0, 0, 0, 0, time.UTC) }
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotBefore: year(from), NotAfter: year(until)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// trusted returns the certificates that clients trust, in PEM.
func trusted() string {
	var all []byte
	for _, c := range certificates[:4] {
		all = append(all, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]})...)
	}
	return string(all)
}

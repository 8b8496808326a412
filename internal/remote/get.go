package remote

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"announcer/internal/guard"
)

const (
	maxDocument  = 1 << 20
	maxHeader    = 64 << 10
	maxCondition = 1 << 10
	maxRedirects = 5
	connectTime  = 10 * time.Second
)

// Get returns the file as it is now, in a set; nil if it is what is known. Only a complete document that can be a
// definition is an answer; everything else is an error, which says what would be right.
func (w *Website) Get(ctx context.Context, known Set) (*Set, error) {
	ctx, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	client, err := w.client()
	if err != nil {
		return nil, err
	}
	defer client.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url.String(), nil)
	if err != nil {
		return nil, errors.New("it is no URL that can be asked for")
	}
	request.Header.Set("User-Agent", "announcer")
	request.Header.Set("Accept", strings.Join(contentTypes, ", "))
	setCondition(request.Header, known.Condition)
	response, err := client.Do(request)
	if err != nil {
		return nil, Failure(ctx, err)
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusNotModified && known.Condition != "" {
		return nil, nil
	}
	if err := w.acceptable(response); err != nil {
		return nil, err
	}
	data, err := document(ctx, response)
	if err != nil {
		return nil, err
	}
	set := &Set{Time: time.Now(), Files: []File{{Name: w.name(), Origin: strings.TrimSuffix(w.String(), "?…"), Data: data}}}
	set.Revision, set.Condition = revision(response.Header)
	if known.Same(*set) && known.Revision == set.Revision && known.Condition == set.Condition {
		return nil, nil
	}
	return set, nil
}

// client returns a client for one request. Its connection is not used again, so that certificates and addresses are
// those of now, and a server has no idle connections of many hosts.
func (w *Website) client() (*http.Client, error) {
	cfg, err := w.settings.TLS()
	if err != nil {
		return nil, err
	}
	password, err := w.settings.Password()
	if err != nil {
		return nil, err
	}
	dialer := net.Dialer{Timeout: connectTime}
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		return w.settings.Network().Dial(ctx, &dialer, network, address)
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: dial, TLSClientConfig: cfg, TLSHandshakeTimeout: connectTime,
		DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: maxHeader,
	}
	return &http.Client{CheckRedirect: sameHost, Transport: login{transport, w.settings.User, password}}, nil
}

// login adds user and password to requests that are encrypted.
type login struct {
	*http.Transport
	user, password string
}

// RoundTrip implements [http.RoundTripper].
func (l login) RoundTrip(request *http.Request) (*http.Response, error) {
	if l.user != "" && request.URL.Scheme == "https" {
		request = request.Clone(request.Context())
		request.SetBasicAuth(l.user, l.password)
	}
	return l.Transport.RoundTrip(request)
}

// errDowngrade is the error of a redirection that leaves TLS.
var errDowngrade = errors.New("it redirects from https to http, which is not followed; want a URL that does not")

// sameHost follows redirections on the host that was asked, and none from https to http.
func sameHost(request *http.Request, before []*http.Request) error {
	first := before[0].URL
	switch {
	case !strings.EqualFold(request.URL.Hostname(), first.Hostname()):
		return &guard.RedirectError{Host: request.URL.Hostname()}
	case first.Scheme == "https" && request.URL.Scheme != "https":
		return errDowngrade
	case len(before) > maxRedirects:
		return &guard.RedirectError{}
	}
	return nil
}

// setCondition asks for a document only if it is newer: by its ETag, which is in quotes, or its date.
func setCondition(header http.Header, condition string) {
	switch {
	case condition == "":
	case strings.HasSuffix(condition, `"`):
		header.Set("If-None-Match", condition)
	default:
		header.Set("If-Modified-Since", condition)
	}
}

// revision returns what names the version of a document: its ETag, or its date. Within the second in which it was written
// it may change again without another date, and without another ETag if that is made of the date (RFC 9110 §8.8.2.2);
// then there is no condition.
func revision(header http.Header) (shown, condition string) {
	tag, date := header.Get("ETag"), header.Get("Last-Modified")
	shown, condition = tag, tag
	if !isTag(tag) {
		shown, condition = date, date
	}
	modified, err := http.ParseTime(date)
	if now, dateErr := http.ParseTime(header.Get("Date")); err == nil && (dateErr != nil || now.Sub(modified) < 2*time.Second) {
		condition = ""
	}
	if err != nil && !isTag(tag) {
		return "", ""
	}
	return guard.Clip(shown), condition
}

// isTag reports whether a text is an ETag that can be sent back (RFC 9110 §8.8.3).
func isTag(text string) bool {
	opaque := strings.TrimPrefix(text, "W/")
	return len(text) <= maxCondition && len(opaque) >= 2 && opaque[0] == '"' && opaque[len(opaque)-1] == '"' &&
		!strings.ContainsFunc(opaque, func(r rune) bool { return r < ' ' || r > '~' })
}

// contentTypes are those of definition files: of their own formats, and those of servers that do not know them.
var contentTypes = []string{"application/toml", "application/xml", "text/xml", "text/plain", "text/toml", "text/x-toml", "application/x-toml",
	"application/octet-stream", "binary/octet-stream"}

// acceptable returns why an answer is none, from its head.
func (w *Website) acceptable(response *http.Response) error {
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		return &busyError{w.refusal(response.StatusCode), retryAfter(response.Header, time.Now())}
	default:
		return w.refusal(response.StatusCode)
	}
	if encoding := response.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return fmt.Errorf("it sends the document in the encoding %q; want it unchanged", guard.Clip(encoding))
	}
	if text := response.Header.Get("Content-Type"); text != "" {
		kind, _, err := mime.ParseMediaType(text)
		if err != nil || !slices.Contains(contentTypes, kind) {
			return fmt.Errorf("it sends a document of the type %q, as a login or error page has; want application/toml, application/xml, text/plain or application/octet-stream", guard.Clip(text))
		}
	}
	switch {
	case response.ContentLength > maxDocument:
		return errLong
	case response.ContentLength < 0 && len(response.TransferEncoding) == 0 && response.ProtoMajor < 2:
		return errors.New("it does not send the length of the document, so that half of one looks whole; want Content-Length")
	}
	return nil
}

var errLong = fmt.Errorf("the document has more than %d bytes; a definition has a few hundred", maxDocument)

// refusal returns what a status means and what would be right.
func (w *Website) refusal(status int) error {
	hint := "; want the document of a definition, with 200"
	switch {
	case status == http.StatusUnauthorized && w.settings.User != "" && w.url.Scheme != "https":
		hint = "; the password is sent by https only; want a URL with https"
	case status == http.StatusUnauthorized && w.settings.User != "":
		hint = fmt.Sprintf(", it does not accept the user %q or the password; want them right in [remote]", w.settings.User)
	case status == http.StatusUnauthorized:
		hint = "; want user and password_file in [remote]"
	case status == http.StatusBadRequest && w.settings.Cert == "":
		hint = "; want cert and key in [remote], if it asks for a certificate"
	case status == http.StatusForbidden:
		hint = "; want this host or its user permitted to read the document on the server"
	case status == http.StatusNotFound, status == http.StatusGone:
		hint = "; want the document on the server, or another URL in services"
	case status >= 500:
		hint = "; want the server repaired"
	}
	return errors.New(strings.TrimSpace(fmt.Sprintf("it answers %d %s", status, http.StatusText(status))) + hint)
}

// document returns the body of an answer, if it is complete and can be a definition.
func document(ctx context.Context, response *http.Response) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(response.Body, maxDocument+1))
	switch {
	case err != nil && ctx.Err() == nil && errors.Is(err, io.ErrUnexpectedEOF):
		return nil, errors.New("it ends in the middle of the document; want all of it")
	case err != nil:
		return nil, Failure(ctx, err)
	case len(data) > maxDocument:
		return nil, errLong
	case isEmpty(data):
		return nil, errors.New("the document is empty; want a definition, or group = [] in a .toml file to withdraw all that it defined")
	case isHTML(data):
		return nil, errors.New("the document is HTML, as a login or error page is; want a definition")
	}
	return data, nil
}

// isEmpty reports whether a document has only white space and comments of TOML.
func isEmpty(data []byte) bool {
	for line := range bytes.Lines(bytes.TrimPrefix(data, []byte("\ufeff"))) {
		if line = bytes.Trim(line, " \t\r\n\x00"); len(line) > 0 && line[0] != '#' {
			return false
		}
	}
	return true
}

// isHTML reports whether a document begins as a page does.
func isHTML(data []byte) bool {
	start := bytes.ToLower(bytes.TrimLeft(data[:min(len(data), 512)], "\ufeff \t\r\n"))
	return bytes.HasPrefix(start, []byte("<!doctype html")) || bytes.HasPrefix(start, []byte("<html"))
}

// untimely returns why a certificate is not valid now. The clock of a host may be wrong, and is given by the day, so that
// the sentence is the same for each try of a day.
func untimely(cert *x509.Certificate, now time.Time) error {
	clock := now.Local().Format(time.DateOnly)
	if now.Before(cert.NotBefore) {
		return fmt.Errorf("its certificate is not valid before %s, and the clock of this host says %s; want that clock right, or a certificate that is valid now",
			cert.NotBefore.Local().Format(time.DateTime), clock)
	}
	return fmt.Errorf("its certificate expired at %s, and the clock of this host says %s; want a new certificate, or that clock right",
		cert.NotAfter.Local().Format(time.DateTime), clock)
}

// Failure returns why there is no answer, in a sentence without the URL.
func Failure(ctx context.Context, err error) error {
	if _, unknown := errors.AsType[x509.UnknownAuthorityError](err); unknown {
		return errors.New("its certificate is signed by an authority that is not known here; want its certificate as ca in [remote]")
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return untimely(invalid.Cert, time.Now())
	}
	if _, other := errors.AsType[x509.HostnameError](err); other {
		return errors.New("its certificate is for another name; want a certificate for the name in the URL")
	}
	if _, invalid := errors.AsType[*tls.CertificateVerificationError](err); invalid {
		return errors.New("its certificate can't be verified; want one that is valid for the name in the URL")
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "remote error" {
		return errors.New("it refuses the connection by TLS; want cert and key in [remote] that it accepts")
	}
	switch {
	case errors.Is(err, http.ErrSchemeMismatch):
		return errors.New("it has no TLS on that port; want https on the server, or http in the URL")
	case errors.Is(err, errDowngrade):
		return errDowngrade
	}
	err = guard.Failure(ctx, err)
	if _, redirects := errors.AsType[*guard.RedirectError](err); redirects {
		return err
	}
	return fmt.Errorf("%w; want a server of definitions there, which this host reaches", err)
}

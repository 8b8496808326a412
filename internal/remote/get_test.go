package remote

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const text = "[[group]]\npreset = \"dpma\"\nserver = \"192.0.2.20\"\n"

// website returns the site at a path of a server.
func website(t *testing.T, url string, settings Settings) *Website {
	t.Helper()
	w, err := NewWebsite(url, 0, settings)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func write(t *testing.T, name string, data []byte, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// answer returns a handler that sends a document with a status and headers, which are names and values in turn.
func answer(status int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/toml")
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

// raw returns a handler that sends bytes as they are and ends the connection.
func raw(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		fmt.Fprint(conn, text)
		conn.Close()
	}
}

// TestEveryAnswer wants a set of complete documents only, and of everything else an error that says what would be right.
func TestEveryAnswer(t *testing.T) {
	const toml, other = "the document is HTML", "it sends a document of the type"
	long := strings.Repeat("#", maxDocument)
	for _, test := range []struct {
		name    string
		handler http.HandlerFunc
		want    string // the start of the error; "": a set
	}{
		{"a document", answer(200, text), ""},
		{"without a type", answer(200, text, "Content-Type", ""), ""},
		{"of a server that does not know the type", answer(200, text, "Content-Type", "application/octet-stream"), ""},
		{"as text", answer(200, text, "Content-Type", "text/plain; charset=utf-8"), ""},
		{"with an error in it", answer(200, "[[group]\n"), ""},
		{"the most bytes", answer(200, long[len(text):]+text), ""},
		{"in chunks", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			w.(http.Flusher).Flush()
			fmt.Fprint(w, text)
		}, ""},
		{"nothing on purpose", answer(200, "group = []\n"), ""},

		{"204", answer(204, ""), "it answers 204 No Content; want the document"},
		{"206", answer(206, text), "it answers 206 Partial Content; want the document"},
		{"300", answer(300, text), "it answers 300 Multiple Choices; want the document"},
		{"304 that was not asked for", answer(304, ""), "it answers 304 Not Modified; want the document"},
		{"401", answer(401, text), "it answers 401 Unauthorized; want user and password_file in [remote]"},
		{"403", answer(403, text), "it answers 403 Forbidden; want this host or its user permitted"},
		{"404", answer(404, text), "it answers 404 Not Found; want the document on the server"},
		{"410", answer(410, text), "it answers 410 Gone; want the document on the server"},
		{"500", answer(500, text), "it answers 500 Internal Server Error; want the server repaired"},
		{"502", answer(502, text), "it answers 502 Bad Gateway; want the server repaired"},
		{"503", answer(503, text, "Retry-After", "1"), "it answers 503 Service Unavailable; want the server repaired"},
		{"a status that nobody knows", answer(599, text), "it answers 599; want the server repaired"},
		{"empty", answer(200, ""), "the document is empty; want a definition, or group = []"},
		{"white space", answer(200, " \r\n\t\n"), "the document is empty"},
		{"comments", answer(200, "\ufeff# to do\n"), "the document is empty"},
		{"zeros", answer(200, "\x00\x00\x00"), "the document is empty"},
		{"a login page", answer(200, "<html>", "Content-Type", "text/html"), other},
		{"a login page as text", answer(200, "\n<!DOCTYPE html>\n<title>Log in", "Content-Type", "text/plain"), toml},
		{"a login page without a type", answer(200, "<HTML><body>", "Content-Type", ""), toml},
		{"an image", answer(200, "\x89PNG", "Content-Type", "image/png"), other},
		{"JSON", answer(200, "{}", "Content-Type", "application/json"), other},
		{"a broken type", answer(200, text, "Content-Type", "text/;;"), other},
		{"compressed", answer(200, "\x1f\x8b", "Content-Encoding", "gzip"), `it sends the document in the encoding "gzip"`},
		{"too long", answer(200, long+"#"), "the document has more than 1048576 bytes"},
		{"too long in chunks", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			w.(http.Flusher).Flush()
			fmt.Fprint(w, long, "#")
		}, "the document has more than 1048576 bytes"},
		{"half a body", raw("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\n" + text), "it ends in the middle of the document"},
		{"half of the chunks", raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n[[g\r\n"), "it ends in the middle of the document"},
		{"half a chunk", raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n30\r\n[[g"), "it ends in the middle of the document"},
		{"without a length", raw("HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n" + text), "it does not send the length of the document"},
		{"half a head", raw("HTTP/1.1 200 OK\r\nContent-"), "its answer is not one of the protocol"},
		{"nothing", raw(""), "it closes the connection without an answer"},
		{"another protocol", raw("SSH-2.0-OpenSSH_9.2p1\r\n"), "its answer is not one of the protocol"},
		{"an endless head", raw("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 2*maxHeader) + "\r\n\r\n"), "its answer is not one of the protocol"},
		{"silence", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "it does not answer"},
		{"a slow body", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, "#")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, "it does not answer"},
		{"a redirection to another host", answer(302, "", "Location", "http://other.invalid/berlin.toml"), `it redirects to another host, "other.invalid"`},
		{"redirections without end", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/again.toml", http.StatusFound) }, "it redirects more than 5 times"},
		{"a redirection without a target", answer(302, ""), "it answers 302 Found; want the document"},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := httptest.NewServer(test.handler)
			defer server.Close()
			w := website(t, server.URL+"/sites/berlin.toml", Settings{})
			w.timeout = 300 * time.Millisecond
			if test.want == "" {
				w.timeout = 10 * time.Second
			}
			set, err := w.Get(t.Context(), Set{})
			switch {
			case test.want == "" && err != nil:
				t.Error(err)
			case test.want == "" && (len(set.Files) != 1 || set.Files[0].Name != "berlin.toml" || set.Files[0].Origin != server.URL+"/sites/berlin.toml"):
				t.Errorf("the set is %+v", set)
			case test.want != "" && (set != nil || err == nil || !strings.HasPrefix(err.Error(), test.want)):
				t.Errorf("%+v, %v; want %q", set, err, test.want)
			}
		})
	}
}

// TestRedirectionOnTheSameHost wants redirections to another path and port of the host followed.
func TestRedirectionOnTheSameHost(t *testing.T) {
	there := httptest.NewServer(answer(200, text))
	defer there.Close()
	here := httptest.NewServer(http.RedirectHandler(there.URL+"/v2/berlin.toml", http.StatusMovedPermanently))
	defer here.Close()
	set, err := website(t, here.URL+"/berlin.toml", Settings{}).Get(t.Context(), Set{})
	if err != nil || string(set.Files[0].Data) != text || set.Files[0].Origin != here.URL+"/berlin.toml" {
		t.Errorf("%+v, %v", set, err)
	}
}

// TestConditions wants an unchanged document not sent again, if that is safe.
func TestConditions(t *testing.T) {
	old, now := "Mon, 02 Jan 2006 15:04:05 GMT", "Mon, 02 Jan 2006 15:14:05 GMT"
	for _, test := range []struct {
		name      string
		header    []string
		revision  string
		condition string // the header of the second request
	}{
		{"an ETag", []string{"ETag", `"a1"`}, `"a1"`, `If-None-Match: "a1"`},
		{"a weak ETag", []string{"ETag", `W/"a1"`}, `W/"a1"`, `If-None-Match: W/"a1"`},
		{"a date", []string{"Last-Modified", old, "Date", now}, old, "If-Modified-Since: " + old},
		{"both", []string{"ETag", `"a1"`, "Last-Modified", old, "Date", now}, `"a1"`, `If-None-Match: "a1"`},
		{"neither", nil, "", ""},
		{"written within this second", []string{"Last-Modified", now, "Date", now}, now, ""},
		{"written within this second, with an ETag made of that", []string{"ETag", `"a1"`, "Last-Modified", now, "Date", now}, `"a1"`, ""},
		{"a date in the future", []string{"Last-Modified", now, "Date", old}, now, ""},
		{"a broken ETag", []string{"ETag", "a1"}, "", ""},
		{"a broken date", []string{"Last-Modified", "yesterday"}, "", ""},
		{"a long ETag", []string{"ETag", `"` + strings.Repeat("x", maxCondition) + `"`}, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var asked string
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked = ""
				for _, key := range []string{"If-None-Match", "If-Modified-Since"} {
					if value := r.Header.Get(key); value != "" {
						asked += key + ": " + value
					}
				}
				if asked != "" {
					w.WriteHeader(http.StatusNotModified)
					return
				}
				answer(200, text, test.header...)(w, r)
			}))
			defer server.Close()
			w := website(t, server.URL+"/berlin.toml", Settings{})
			set, err := w.Get(t.Context(), Set{})
			if err != nil || set.Revision != test.revision || asked != "" {
				t.Fatalf("%+v, %v; asked with %q", set, err, asked)
			}
			if again, err := w.Get(t.Context(), *set); again != nil || err != nil || asked != test.condition {
				t.Errorf("%+v, %v; asked with %q, want %q", again, err, asked, test.condition)
			}
		})
	}
}

// TestLogin wants user and password sent by https, and never otherwise.
func TestLogin(t *testing.T) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, ok := r.BasicAuth(); ok && user == "berlin" && password == "secret" {
			answer(200, text)(w, r)
			return
		} else if ok && r.TLS == nil {
			t.Error("the password was sent by http")
		}
		w.WriteHeader(http.StatusUnauthorized)
	})
	encrypted, plain := httptest.NewTLSServer(handler), httptest.NewServer(handler)
	defer encrypted.Close()
	defer plain.Close()
	ca := write(t, "ca.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: encrypted.Certificate().Raw}), 0o644)
	for _, test := range []struct{ name, url, user, password, want string }{
		{"right", encrypted.URL, "berlin", "secret\n", ""},
		{"with an end of a line of Windows", encrypted.URL, "berlin", "secret\r\nmore\n", ""},
		{"a wrong password", encrypted.URL, "berlin", "wrong\n", `it answers 401 Unauthorized, it does not accept the user "berlin" or the password`},
		{"no user", encrypted.URL, "", "", "it answers 401 Unauthorized; want user and password_file in [remote]"},
		{"by http", plain.URL, "berlin", "secret\n", "it answers 401 Unauthorized; the password is sent by https only"},
		{"an empty file", encrypted.URL, "berlin", "\nsecret", "password_file in [remote]: the first line of "},
	} {
		t.Run(test.name, func(t *testing.T) {
			settings := Settings{CA: ca, User: test.user}
			if test.user != "" {
				settings.PasswordFile = write(t, "password", []byte(test.password), 0o600)
			}
			set, err := website(t, test.url+"/berlin.toml", settings).Get(t.Context(), Set{})
			if test.want == "" && (err != nil || set == nil) || test.want != "" && (err == nil || !strings.HasPrefix(err.Error(), test.want)) {
				t.Errorf("%v, %v; want %q", set, err, test.want)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the error has the password: %v", err)
			}
		})
	}
	t.Run("a redirection to http", func(t *testing.T) {
		server := httptest.NewTLSServer(http.RedirectHandler(plain.URL+"/berlin.toml", http.StatusFound))
		defer server.Close()
		_, err := website(t, server.URL+"/berlin.toml", Settings{CA: ca, User: "berlin", PasswordFile: write(t, "password", []byte("secret"), 0o600)}).Get(t.Context(), Set{})
		if err != errDowngrade {
			t.Errorf("%v; want %v", err, errDowngrade)
		}
	})
}

// pair returns a certificate and its key in PEM, signed by itself.
func pair(t *testing.T, name string, from, to time.Time) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: from, NotAfter: to, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if ip := net.ParseIP(name); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
}

func TestCertificates(t *testing.T) {
	now := time.Now()
	valid, validKey := pair(t, "127.0.0.1", now.Add(-time.Hour), now.Add(time.Hour))
	expired, expiredKey := pair(t, "127.0.0.1", now.Add(-48*time.Hour), now.Add(-24*time.Hour))
	early, earlyKey := pair(t, "127.0.0.1", now.Add(24*time.Hour), now.Add(48*time.Hour))
	other, otherKey := pair(t, "other.invalid", now.Add(-time.Hour), now.Add(time.Hour))
	client, clientKey := pair(t, "berlin", now.Add(-time.Hour), now.Add(time.Hour))
	none := func(*Settings) {}
	for _, test := range []struct {
		name      string
		cert, key []byte
		asks      bool // for a certificate of the client
		settings  func(s *Settings)
		want      string
	}{
		{"valid", valid, validKey, false, none, ""},
		{"an unknown authority", valid, validKey, false, func(s *Settings) { s.CA = write(t, "ca", client, 0o644) }, "its certificate is signed by an authority that is not known here; want its certificate as ca"},
		{"the authorities of the system", valid, validKey, false, func(s *Settings) { s.CA = "" }, "its certificate is signed by an authority that is not known here"},
		{"expired, or the clock is a day ahead", expired, expiredKey, false, none, fmt.Sprintf("its certificate expired at %s, and the clock of this host says %s;", now.Add(-24*time.Hour).Format(time.DateTime), now.Format(time.DateOnly))},
		{"not valid yet, or the clock is a day behind", early, earlyKey, false, none, fmt.Sprintf("its certificate is not valid before %s, and the clock of this host says %s;", now.Add(24*time.Hour).Format(time.DateTime), now.Format(time.DateOnly))},
		{"another name", other, otherKey, false, none, "its certificate is for another name"},
		{"a certificate of the client", valid, validKey, true, func(s *Settings) { s.Cert, s.Key = write(t, "c", client, 0o600), write(t, "k", clientKey, 0o600) }, ""},
		{"no certificate of the client", valid, validKey, true, none, "it refuses the connection by TLS; want cert and key in [remote]"},
		{"the wrong certificate of the client", valid, validKey, true, func(s *Settings) { s.Cert, s.Key = write(t, "c", other, 0o600), write(t, "k", otherKey, 0o600) }, "it refuses the connection by TLS"},
		{"no pair", valid, validKey, true, func(s *Settings) { s.Cert, s.Key = write(t, "c", client, 0o600), write(t, "k", validKey, 0o600) }, "cert and key in [remote]: "},
		{"no file", valid, validKey, false, func(s *Settings) { s.CA = "/nowhere/ca.pem" }, "ca in [remote]: /nowhere/ca.pem can't be read: no such file or directory"},
		{"no certificate in the file", valid, validKey, false, func(s *Settings) { s.CA = write(t, "ca", []byte("x"), 0o644) }, "ca in [remote]: "},
		{"a directory as a file", valid, validKey, false, func(s *Settings) { s.CA = t.TempDir() }, "ca in [remote]: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			own, err := tls.X509KeyPair(test.cert, test.key)
			if err != nil {
				t.Fatal(err)
			}
			server := httptest.NewUnstartedServer(answer(200, text))
			server.Config.ErrorLog = silent
			server.TLS = &tls.Config{Certificates: []tls.Certificate{own}}
			if test.asks {
				server.TLS.ClientAuth, server.TLS.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
				server.TLS.ClientCAs.AppendCertsFromPEM(client)
			}
			server.StartTLS()
			defer server.Close()
			settings := Settings{CA: write(t, "server", test.cert, 0o644)}
			test.settings(&settings)
			set, err := website(t, server.URL+"/berlin.toml", settings).Get(t.Context(), Set{})
			if test.want == "" && (err != nil || set == nil) || test.want != "" && (err == nil || !strings.HasPrefix(err.Error(), test.want)) {
				t.Errorf("%v, %v; want %q", set, err, test.want)
			}
		})
	}
	t.Run("http where TLS is wanted", func(t *testing.T) {
		server := httptest.NewServer(answer(200, text))
		defer server.Close()
		_, err := website(t, strings.Replace(server.URL, "http", "https", 1)+"/berlin.toml", Settings{}).Get(t.Context(), Set{})
		if err == nil || err.Error() != "it has no TLS on that port; want https on the server, or http in the URL" {
			t.Error(err)
		}
	})
}

func TestWarnings(t *testing.T) {
	open, closed := write(t, "open", []byte("x"), 0o644), write(t, "closed", []byte("x"), 0o640)
	for _, test := range []struct {
		name     string
		url      string
		settings Settings
		want     string
	}{
		{"none", "https://x/a.toml", Settings{Key: closed, PasswordFile: closed, CA: open, Cert: open}, ""},
		{"http", "http://x/a.toml", Settings{}, "every host between here and the server can change where phones go; want https instead of http"},
		{"an open password", "https://x/a.toml", Settings{PasswordFile: open}, "password_file in [remote]: every user of this host can read " + open + "; want chmod o-r"},
		{"an open key", "https://x/a.toml", Settings{Key: open}, "key in [remote]: every user of this host can read " + open + "; want chmod o-r"},
		{"a file that is not there", "https://x/a.toml", Settings{Key: "/nowhere"}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := strings.Join(website(t, test.url, test.settings).Warnings(), "|"); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

func TestPlaces(t *testing.T) {
	for _, test := range []struct{ name, place, shown, wrong string }{
		{"a URL", "https://x.example/sites/berlin.toml", "", ""},
		{"a port", "http://192.0.2.1:8080/berlin.service", "", ""},
		{"IPv6", "https://[2001:db8::1]/berlin.service", "", ""},
		{"a token", "https://x.example/b.toml?token=secret&a=/b", "https://x.example/b.toml?…", ""},
		{"a user", "https://berlin:sec@ret@x.example/b.toml", "https://…@x.example/b.toml", "user and password_file in [remote]"},
		{"a user alone", "https://berlin@x.example/b.toml", "https://…@x.example/b.toml", "user and password_file in [remote]"},
		{"an at in the path", "https://x.example/@v1/b.toml", "", ""},
		{"a directory", "https://x.example/sites/", "", "does not end in .toml or .service"},
		{"no host", "https:///b.toml", "", "it is not a URL"},
		{"a bad port", "https://x:y/b.toml", "", "it is not a URL"},
		{"a fragment", "https://x/b.toml#a", "", "it has a fragment"},
		{"another scheme", "ftp://x/b.toml", "", `"ftp://" is not a way to get definitions`},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := Check(test.place)
			if test.wrong == "" && err != nil || test.wrong != "" && (err == nil || !strings.Contains(err.Error(), test.wrong)) {
				t.Errorf("%v; want %q", err, test.wrong)
			}
			if err != nil && strings.Contains(err.Error(), "sec") {
				t.Errorf("the error has the password: %v", err)
			}
			if want := cmp.Or(test.shown, test.place); Shown(test.place) != want {
				t.Errorf("shown as %q, want %q", Shown(test.place), want)
			}
		})
	}
}

// TestGetEndsWithItsContext has the server hang while the program ends.
func TestGetEndsWithItsContext(t *testing.T) {
	asked := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		<-r.Context().Done()
	}))
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	if _, err := website(t, server.URL+"/berlin.toml", Settings{}).Get(ctx, Set{}); err == nil || ctx.Err() == nil {
		t.Error(err)
	}
}

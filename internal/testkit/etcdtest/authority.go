//go:build linux

package etcdtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

const day = 24 * time.Hour

// Authority signs certificates.
type Authority struct {
	File string // its certificate, in PEM
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// NewAuthority returns an authority that lasts until the test ends.
func NewAuthority(t testing.TB) *Authority {
	t.Helper()
	a := &Authority{File: filepath.Join(t.TempDir(), "ca.pem"), key: newKey(t)}
	a.cert = template("test CA", time.Hour)
	a.cert.IsCA, a.cert.BasicConstraintsValid, a.cert.KeyUsage = true, true, x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, a.cert, a.cert, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, a.File, "CERTIFICATE", der)
	return a
}

// Issue returns the files of a certificate and its key for a name and addresses. It expires after some time, which may be
// negative.
func (a *Authority) Issue(t testing.TB, name string, lasts time.Duration, ips ...string) (cert, key string) {
	t.Helper()
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	a.Renew(t, cert, key, name, lasts, ips...)
	return cert, key
}

// Renew replaces the files of a certificate and its key.
func (a *Authority) Renew(t testing.TB, cert, key, name string, lasts time.Duration, ips ...string) {
	t.Helper()
	a.RenewFrom(t, cert, key, name, -day, lasts, ips...)
}

// RenewFrom replaces the files of a certificate and its key. It is valid from some time from now on.
func (a *Authority) RenewFrom(t testing.TB, cert, key, name string, begins, lasts time.Duration, ips ...string) {
	t.Helper()
	private := newKey(t)
	leaf := template(name, lasts)
	leaf.NotBefore = time.Now().Add(begins)
	leaf.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}
	for _, ip := range ips {
		leaf.IPAddresses = append(leaf.IPAddresses, net.ParseIP(ip))
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, a.cert, private.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	write(t, cert, "CERTIFICATE", der)
	write(t, key, "EC PRIVATE KEY", encoded)
}

// client returns the settings of a client with a certificate.
func (a *Authority) client(t testing.TB, name string) *tls.Config {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(a.Issue(t, name, time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	parsed, err := os.ReadFile(a.File)
	if err != nil {
		t.Fatal(err)
	}
	roots.AppendCertsFromPEM(parsed)
	return &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}}
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func template(name string, lasts time.Duration) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-day), NotAfter: time.Now().Add(lasts), KeyUsage: x509.KeyUsageDigitalSignature,
	}
}

func write(t testing.TB, file, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

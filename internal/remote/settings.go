package remote

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"strings"

	"announcer/internal/disk"
)

// DefaultCache is the directory for what servers said, the StateDirectory= of the unit.
const DefaultCache = "/var/lib/announcer"

// Settings describe how servers of definitions are asked: the table [remote] of the configuration. The files are read
// again for each connection, so that a certificate may be renewed.
type Settings struct {
	CA           string // file with the certificates that servers are verified by; "": those of the system
	Cert, Key    string // files of the certificate that is shown to servers; "": none
	User         string // "": no user
	PasswordFile string // file with the password of the user
	Cache        string // directory for what servers said last; "": it is not kept

	FS  disk.FS // of the files; nil: that of this host
	Net Network // nil: that of this host
}

// Files returns the files that the settings name.
func (s Settings) Files() []string {
	var files []string
	for _, file := range []string{s.CA, s.Cert, s.Key, s.PasswordFile} {
		if file != "" {
			files = append(files, file)
		}
	}
	return files
}

// TLS returns the configuration of connections.
func (s Settings) TLS() (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.CA != "" {
		pem, err := s.read("ca", s.CA)
		if err != nil {
			return nil, err
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("ca in [remote]: %s has no certificate; want PEM", s.CA)
		}
	}
	if s.Cert == "" {
		return cfg, nil
	}
	cert, err := s.read("cert", s.Cert)
	if err != nil {
		return nil, err
	}
	key, err := s.read("key", s.Key)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("cert and key in [remote]: %s and %s are no pair; want PEM, the key without a passphrase", s.Cert, s.Key)
	}
	cfg.Certificates = []tls.Certificate{pair}
	return cfg, nil
}

// Password returns the password of the user: the first line of its file.
func (s Settings) Password() (string, error) {
	if s.User == "" {
		return "", nil
	}
	data, err := s.read("password_file", s.PasswordFile)
	if err != nil {
		return "", err
	}
	password, _, _ := strings.Cut(string(data), "\n")
	password = strings.TrimSuffix(password, "\r")
	if password == "" {
		return "", fmt.Errorf("password_file in [remote]: the first line of %s is empty; want the password there", s.PasswordFile)
	}
	return password, nil
}

// Warnings returns a sentence for each secret that other users of this host can read.
func (s Settings) Warnings() []string {
	var all []string
	for _, secret := range []struct{ setting, file string }{{"key", s.Key}, {"password_file", s.PasswordFile}} {
		if secret.file == "" {
			continue
		}
		if info, err := s.fsys().Stat(secret.file); err == nil && info.Mode().IsRegular() && info.Mode()&0o004 != 0 {
			all = append(all, fmt.Sprintf("%s in [remote]: every user of this host can read %s; want chmod o-r", secret.setting, secret.file))
		}
	}
	return all
}

func (s Settings) fsys() disk.FS { return cmp.Or(s.FS, disk.OS) }

// maxSecret is the most bytes of a file with certificates or a password; the bundle of a system has about 250 KB.
const maxSecret = 1 << 20

// read reads the file that a setting names.
func (s Settings) read(setting, path string) ([]byte, error) {
	data, _, err := disk.ReadRegular(s.fsys(), path, maxSecret)
	if err != nil {
		return nil, fmt.Errorf("%s in [remote]: %s can't be read: %w", setting, path, err)
	}
	return data, nil
}

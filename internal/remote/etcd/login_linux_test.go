package etcd_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"announcer/internal/remote"
	"announcer/internal/remote/etcd"
	"announcer/internal/testkit/etcdtest"
)

const secret = "swordfish-1836"

// protect turns on authentication: the user berlin may read the prefix.
func protect(t *testing.T, c *etcdtest.Cluster) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), late)
	defer cancel()
	auth := c.Client.Auth
	_, err := auth.UserAdd(ctx, "root", "root")
	if err == nil {
		_, err = auth.UserGrantRole(ctx, "root", "root")
	}
	if err == nil {
		_, err = auth.RoleAdd(ctx, "berlin")
	}
	if err == nil {
		_, err = auth.RoleGrantPermission(ctx, "berlin", prefix, clientv3.GetPrefixRangeEnd(prefix), clientv3.PermissionType(clientv3.PermRead))
	}
	if err == nil {
		_, err = auth.UserAdd(ctx, "berlin", secret)
	}
	if err == nil {
		_, err = auth.UserAdd(ctx, "paris", secret)
	}
	if err == nil {
		_, err = auth.UserGrantRole(ctx, "berlin", "berlin")
	}
	if err == nil {
		_, err = auth.AuthEnable(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestLogin is about hosts that a cluster does not serve, or that don't trust it, until the reason is gone.
func TestLogin(t *testing.T) {
	ca := etcdtest.NewAuthority(t)
	c := etcdtest.StartOn(t, []etcdtest.End{{IP: "127.0.0.1"}}, ca)
	c.Put(t, prefix+"dpma.service", "pbx")
	protect(t, c)
	password := filepath.Join(t.TempDir(), "password")
	write(t, password, secret)
	tests := []struct {
		name    string
		trouble func(t *testing.T, s *remote.Settings) (mend func())
		want    string
	}{
		{"certificate expired", func(t *testing.T, s *remote.Settings) func() {
			s.Cert, s.Key = ca.Issue(t, "berlin", -time.Hour)
			return func() { ca.Renew(t, s.Cert, s.Key, "berlin", time.Hour) }
		}, "refuses the connection by TLS"},
		{"certificate of another authority", func(t *testing.T, s *remote.Settings) func() {
			s.Cert, s.Key = etcdtest.NewAuthority(t).Issue(t, "berlin", time.Hour)
			return func() { ca.Renew(t, s.Cert, s.Key, "berlin", time.Hour) }
		}, "refuses the connection by TLS"},
		{"wrong CA", func(t *testing.T, s *remote.Settings) func() {
			right, err := os.ReadFile(ca.File)
			if err != nil {
				t.Fatal(err)
			}
			s.CA = etcdtest.NewAuthority(t).File
			return func() { write(t, s.CA, string(right)) }
		}, "an authority that is not known here"},
		{"clock of the host a day behind", func(t *testing.T, _ *remote.Settings) func() {
			node := c.Nodes[0]
			ca.RenewFrom(t, node.Cert, node.Key, "node1", 23*time.Hour, 47*time.Hour, "127.0.0.1")
			return func() { ca.Renew(t, node.Cert, node.Key, "node1", time.Hour, "127.0.0.1") }
		}, "its certificate is not valid before "},
		{"clock of the host a day ahead", func(t *testing.T, _ *remote.Settings) func() {
			node := c.Nodes[0]
			ca.RenewFrom(t, node.Cert, node.Key, "node1", -47*time.Hour, -23*time.Hour, "127.0.0.1")
			return func() { ca.Renew(t, node.Cert, node.Key, "node1", time.Hour, "127.0.0.1") }
		}, "its certificate expired at "},
		{"user without the right", func(t *testing.T, s *remote.Settings) func() {
			s.Cert, s.Key = ca.Issue(t, "paris", time.Hour)
			return func() { ca.Renew(t, s.Cert, s.Key, "berlin", time.Hour) }
		}, "the user that the certificate in [remote] names may not read the keys below " + prefix},
		{"password wrong", func(t *testing.T, s *remote.Settings) func() {
			s.Cert, s.Key = ca.Issue(t, "nobody", time.Hour)
			s.User, s.PasswordFile = "berlin", filepath.Join(t.TempDir(), "password")
			write(t, s.PasswordFile, secret+"x")
			return func() { write(t, s.PasswordFile, secret) }
		}, `it does not accept the user "berlin" or the password`},
		{"password of a user without the right", func(t *testing.T, s *remote.Settings) func() {
			s.Cert, s.Key = ca.Issue(t, "nobody", time.Hour)
			s.User, s.PasswordFile = "paris", password
			return func() {
				ctx, cancel := context.WithTimeout(context.Background(), late)
				defer cancel()
				if _, err := c.Client.UserGrantRole(ctx, "paris", "berlin"); err != nil {
					t.Fatal(err)
				}
			}
		}, `the user "paris" may not read the keys below ` + prefix},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			settings := remote.Settings{CA: ca.File}
			settings.Cert, settings.Key = ca.Issue(t, "berlin", time.Hour)
			mend := test.trouble(t, &settings)
			known := remote.Set{Time: time.Now(), Files: []remote.File{{Name: "dpma.service", Data: []byte("old pbx")}}}
			c.Disconnect()
			before := used(t)
			c.Connect(t)
			h := follow(t, c, known, settings)
			h.fails(t, test.want)
			mend()
			h.has(t, soon, "dpma.service", "pbx")
			h.keeps(t)
			h.stop()
			back(t, c, before)
		})
	}
}

// TestPasswordNeedsTLS wants that no password is sent in the clear to another host.
func TestPasswordNeedsTLS(t *testing.T) {
	password := filepath.Join(t.TempDir(), "password")
	write(t, password, secret)
	for _, test := range []struct{ name, place, want string }{
		{"other host", "etcd://192.0.2.1" + prefix, "the password is sent by TLS only"},
		{"this host", "etcd://127.0.0.1:1" + prefix, "no server listens"},
		{"this host by name", "etcd://localhost:1" + prefix, "no server listens"},
	} {
		t.Run(test.name, func(t *testing.T) {
			origin, err := etcd.New(test.place, remote.Settings{User: "berlin", PasswordFile: password})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			origin.Follow(ctx, remote.Set{}, func(r remote.Report) {
				cancel()
				if r.Err == nil || !strings.Contains(r.Err.Error(), test.want) || strings.Contains(r.Err.Error(), secret) {
					t.Errorf("it is %v, want %q", r.Err, test.want)
				}
			})
		})
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

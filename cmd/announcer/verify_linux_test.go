package main

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/elastic/go-seccomp-bpf"
	"golang.org/x/sys/unix"
)

// withoutIPv6 is the environment variable with which the program has no sockets of IPv6.
const withoutIPv6 = "WITHOUT_IPV6"

// loseIPv6 makes the kernel what it is without IPv6, for this process, if the environment wants it.
func loseIPv6() {
	if os.Getenv(withoutIPv6) == "" {
		return
	}
	err := seccomp.LoadFilter(seccomp.Filter{NoNewPrivs: true, Flag: seccomp.FilterFlagTSync, Policy: seccomp.Policy{
		DefaultAction: seccomp.ActionAllow,
		Syscalls: []seccomp.SyscallGroup{{
			Action: seccomp.ActionErrno | seccomp.Action(unix.EAFNOSUPPORT),
			NamesWithCondtions: []seccomp.NameWithConditions{{Name: "socket", Conditions: seccomp.ArgumentConditions{
				{Argument: 0, Operation: seccomp.Equal, Value: unix.AF_INET6},
			}}},
		}},
	}})
	if err != nil {
		panic(err)
	}
}

// pbxLAN has a daemon on a host called pbx, and at the other end of the cable one called laptop, from which it is verified.
func pbxLAN(t *testing.T) *lan {
	l := newLAN(t)
	l.phone.Rename(t, "laptop")
	l.write("services/a.service", `<service-group><name>PBX</name><service><type>_sip._udp</type><port>5060</port></service></service-group>`)
	l.write("services/b.service", `<service-group><name replace-wildcards="yes">Lab on %h</name><service><type>_http._tcp</type><port>80</port></service></service-group>`)
	l.write("announcer.toml", "[daemon]\nservices = [\"services\"]\nhost = \"pbx\"\ninterfaces = [\"eth0\"]\n")
	_, out := l.start(nil, "run", "--config", "announcer.toml")
	l.await(out, `msg=announced service=PBX`)
	l.await(out, `msg=announced service="Lab on pbx"`)
	return l
}

// verify runs verify on the laptop, and returns what it prints and its exit code.
func (l *lan) verify(args ...string) (text string, code int) {
	l.t.Helper()
	var out strings.Builder
	cmd := exec.Command(l.bin, append([]string{"verify", "-i", "eth0", "--wait", "2s"}, args...)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = l.dir, &out, &out
	err := l.phone.Start(cmd)
	if err == nil {
		err = cmd.Wait()
	}
	if _, failed := errors.AsType[*exec.ExitError](err); err != nil && !failed {
		l.t.Fatal(err)
	}
	return out.String(), cmd.ProcessState.ExitCode()
}

// On another machine than that which announces, what the definition says is compared, and --host says the rest.
func TestVerifyFromAnotherMachine(t *testing.T) {
	l := pbxLAN(t)
	for _, test := range []struct {
		name, args string
		code       int
		want       string
	}{
		{"what the definition says", "services/a.service", 0, "ok PBX _sip._udp eth0 as in services/a.service, announced by 192.0.2.5 "},
		{"a host name that is in a name", "services/b.service", 1, "missing Lab on laptop _http._tcp eth0 no host answers"},
		{"that host name", "--host pbx services/b.service", 0, "ok Lab on pbx _http._tcp eth0 as in services/b.service"},
		{"all of a host", "--host pbx.local --address 192.0.2.5 services/a.service", 0, "ok PBX _sip._udp eth0 as in services/a.service"},
		{"another host", "--host pbx2 services/a.service", 1, "host is pbx.local, and pbx2.local in services/a.service"},
		{"another address", "--host pbx --address 192.0.2.9 services/a.service", 1, "and 192.0.2.9 in services/a.service"},
		{"no host name", "--host 192.0.2.5 services/a.service", 2, `--host: "192.0.2.5" is an address; want a host name such as pbx.local`},
		{"a name of unicast DNS", "--host pbx.example.com services/a.service", 2, `--host: "pbx.example.com" is not a name by multicast DNS; want one such as pbx.local`},
		{"an address of no host", "--address 192.0.2.5 services/a.service", 2, "--address: no host has the address; want --host NAME, too"},
	} {
		t.Run(test.name, func(t *testing.T) {
			text, code := l.verify(strings.Fields(test.args)...)
			if flat := strings.Join(strings.Fields(text), " "); code != test.code || !strings.Contains(flat, test.want) {
				t.Errorf("exit code %d, want %d and %q:\n%s", code, test.code, test.want, text)
			}
		})
	}
}

// A definition for interfaces of the host that announces is verified on whatever the other machine has.
func TestVerifyWithInterfacesOfAnotherMachine(t *testing.T) {
	l := pbxLAN(t)
	l.write("far.toml", "[daemon]\n[[group]]\nname = \"PBX\"\ninterfaces = [\"vlan20\"]\n[[group.service]]\ntype = \"_sip._udp\"\nport = 5060\n")
	for args, want := range map[string]string{
		"--config far.toml":            "",
		"--host pbx --config far.toml": "ok PBX _sip._udp eth0 as in ",
	} {
		t.Run(args, func(t *testing.T) {
			text, _ := l.verify(strings.Fields(args)...)
			if flat := strings.Join(strings.Fields(text), " "); !strings.Contains(flat, want) || want == "" && strings.Contains(flat, " ok ") {
				t.Errorf("want %q:\n%s", want, text)
			}
		})
	}
}

// Where the kernel gives no sockets of IPv6, verify does with IPv4, also on a link that has addresses of both.
func TestVerifyWithoutIPv6(t *testing.T) {
	l := pbxLAN(t)
	t.Setenv(withoutIPv6, "1")
	if text, code := l.verify("services/a.service"); code != exitDone {
		t.Errorf("exit code %d:\n%s", code, text)
	}
}

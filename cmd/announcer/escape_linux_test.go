package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"announcer/internal/testkit/siptest"
)

// What a stranger puts into text: control sequences in C0 and C1, text that runs backwards, invisible characters, lines of
// its own.
const (
	invisible = "\u009b31m\u0085\u202e\u200b\u2066\u2028\ufeff\u00ad\U000e0041"
	forged    = "forged line"
	evil      = "E\x1b[2J\x07\r\n" + forged + "\t\x7f\x9b31m" + invisible
	evilXML   = "E&#10;" + forged + "&#9;&#127;" + invisible // C0 is no XML
	evilLine  = "E\x1b[2J\x07\x7f" + invisible               // of a protocol of lines
)

// wantHarmless wants output that nothing of the stranger can get out of.
func wantHarmless(t *testing.T, text string) {
	t.Helper()
	if !utf8.ValidString(text) {
		t.Errorf("bytes that are not UTF-8: %q", text)
	}
	for i, r := range text {
		if r != '\n' && !unicode.IsGraphic(r) {
			t.Errorf("%U is written: ... %q", r, text[max(0, i-60):min(len(text), i+20)])
			return
		}
	}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, forged) {
			t.Errorf("a line of the stranger's:\n%s", text)
		}
	}
}

// runsHarmless runs a command, which is to write something, and nothing of what is evil as it is.
func runsHarmless(t *testing.T, args ...string) {
	t.Helper()
	var out, errs bytes.Buffer
	run(args, &out, &errs)
	if out.Len()+errs.Len() == 0 {
		t.Error("nothing is written")
	}
	wantHarmless(t, out.String())
	wantHarmless(t, errs.String())
	if slices.Contains(args, "--json") && out.Len() > 0 && !json.Valid(out.Bytes()) {
		t.Errorf("it is no JSON:\n%s", &out)
	}
}

// evilFiles writes files whose names and contents are evil, and returns their directory.
func evilFiles(t *testing.T) string {
	dir := t.TempDir()
	toml := strconv.QuoteToASCII(strings.ToValidUTF8(evil, ""))
	toml = strings.NewReplacer(`\x1b`, `\u001b`, `\a`, `\u0007`, `\x7f`, `\u007f`, `\u009b`, `\u009B`).Replace(toml)
	for name, content := range map[string]string{
		"good.service":                           "<service-group><name>" + evilXML + "</name><service><type>_x._tcp</type><port>1</port><txt-record>k=" + evilXML + "</txt-record></service></service-group>",
		"bad.service":                            "<service-group><name>x</name>" + evilXML + "<service " + invisible + "='" + evilXML + "'><type>" + evilXML + "</type><port>" + evilXML + "</port></service></service-group>",
		"phone.service":                          "<service-group><name>x" + evilXML + "</name><service><type>_digiumproxy._udp</type><port>5060</port><txt-record>dpma-server=" + evilXML + "</txt-record></service></service-group>",
		"good.toml":                              fmt.Sprintf("[[group]]\nname = %s\n[[group.service]]\ntype = \"_x._tcp\"\nport = 1\ntxt = [%s]\n", toml, toml),
		"bad.toml":                               fmt.Sprintf("%s = 1\n[daemon]\nengine = %s\nhost = %s\ninterfaces = [%s]\n[[group]]\nname = %s\n%s = 2\n", toml, toml, toml, toml, toml, toml),
		"broken.toml":                            "[daemon\n" + evil + " = \"" + evil,
		"raw.service":                            evil,
		"bad.json":                               `{"version": 1, ` + strconv.Quote("x"+invisible) + `: 2, "groups": [{"name": "\u001b[2J\u202e\n` + forged + `"}]}`,
		"bad.dnssd":                              "[Service]\nName=" + evilLine + "\nType=" + evilLine + "\nPort=x\n" + evilLine + "=1\n",
		"bad.zone":                               evilLine + " IN SRV " + evilLine + "\n" + forged + " IN TXT \"" + evilLine + "\"\n",
		"phones":                                 evilLine + "\n127.0.0.1 " + evilLine + "\n",
		"agents/" + evil + "_D40_firmware.eff":   "x",
		"agents/1_2_3_D40_firmware.eff":          "x",
		"agents/digium_phones_firmware.conf":     "[D40]\nversion=" + evilLine + "\nfile=" + evilLine + "\n[D70" + evilLine + "]\nfile=x\n[D80]\nversion=1\nfile=../" + evilLine + "\n",
		evil + "/" + evil + ".service":           "<service-group><name>x</name></service-group>",
		evil + "/x" + evil + ".toml":             "x = 1",
		evil + "/y" + evil + ".service":          "<service-group><name>y</name><service><type>_x._tcp</type><port>1</port></service></service-group>",
		evil + "/announcer" + evil + ".toml.bad": "x",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestEscapedFiles has every command read what is evil, or not there under an evil name.
func TestEscapedFiles(t *testing.T) {
	dir := evilFiles(t)
	t.Chdir(dir)
	files, err := filepath.Glob("*.*")
	if err != nil {
		t.Fatal(err)
	}
	inDir, err := os.ReadDir(evil)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range inDir {
		files = append(files, filepath.Join(evil, f.Name()))
	}
	files = append(files, "none"+evil+".service", evil)
	var commands [][]string
	for _, file := range files {
		for _, before := range []string{
			"validate", "validate --json", "validate --strict", "list -i lo", "list -i lo --json", "list -i lo --wire",
			"convert --to toml", "convert --to json", "convert --to avahi", "convert --to zone", "convert --to dnssd -o made --force", "convert --to avahi -o made --force",
			"announce -i lo --for 1ms", "verify -i lo --wait 1ms", "verify -i lo --wait 1ms --json", "restart --dry-run --file", "status --socket", "status --config", "reload --socket", "watch --socket",
			"firmware list", "firmware scan", "firmware xml --url", "firmware service --url", "run --poll 1ms --config", "validate --config", "list --config",
		} {
			commands = append(commands, append(strings.Fields(before), file))
		}
	}
	commands = append(commands,
		[]string{evil}, []string{"help", evil}, []string{"list", "--" + evil}, []string{"list", "-i", evil}, []string{"announce", "--until-seen", evil}, []string{"announce", "--for", evil},
		[]string{"announce", "dpma", "--name", evil, "-i", evil}, []string{"browse", evil}, []string{"resolve", evil, evil}, []string{"dhcp", evil}, []string{"dhcp", "--server", evil, "--url", evil},
		[]string{"restart", evil}, []string{"restart", "--rate", evil, "127.0.0.1"}, []string{"restart", "--transport", evil, "127.0.0.1"}, []string{"completion", evil}, []string{"list", "--log-level", evil},
		[]string{"firmware", evil}, []string{"firmware", "serve", evil}, []string{"firmware", "agents"}, []string{"firmware", "scan", "agents"}, []string{"firmware", "scan", "--json", "agents"}, []string{"restart", "--dry-run", "--file", "phones"},
		[]string{"dhcp", "explain", evil}, []string{"version", evil}, []string{"run", evil}, []string{"man", evil}, []string{"validate", "--config", evil},
	)
	for i, args := range commands {
		t.Run(fmt.Sprintf("%d %s", i, strings.Map(func(r rune) rune {
			if r < ' ' || r > '~' {
				return '.'
			}
			return r
		}, strings.Join(args, " "))), func(t *testing.T) { runsHarmless(t, args...) })
	}
}

// TestEscapedDaemon has a daemon of another version answer with what is evil.
func TestEscapedDaemon(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	status := http.StatusOK
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(status)
		if r.Header.Get("Accept") == "application/json" {
			text, _ := json.Marshal(evil) // a string has JSON in any case
			w.Write(text)
			return
		}
		io.WriteString(w, evilLine+strings.Repeat("\u202e", 40<<10)) // in many pieces
	})}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	for _, status = range []int{http.StatusOK, http.StatusInternalServerError} {
		for _, command := range []string{"status", "reload", "watch", "status --json", "reload --json", "watch --json"} {
			t.Run(fmt.Sprintf("%s, %d", command, status), func(t *testing.T) {
				args := append(strings.Fields(command), "--socket", socket)
				if status != http.StatusOK {
					args = slices.DeleteFunc(args, func(s string) bool { return s == "--json" })
				}
				runsHarmless(t, args...)
			})
		}
	}
}

// TestEscapedServers has servers by SIP and HTTP answer with status lines that are evil.
func TestEscapedServers(t *testing.T) {
	t.Run("SIP", func(t *testing.T) {
		phone := siptest.Listen(t, "udp", "127.0.0.1:0", siptest.Answers("481 "+evilLine))
		runsHarmless(t, "restart", phone.Addr.String())
		runsHarmless(t, "restart", "--json", phone.Addr.String())
	})
	t.Run("HTTP", func(t *testing.T) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { listener.Close() })
		go func() {
			for {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				conn.Read(make([]byte, 4096))
				io.WriteString(conn, "HTTP/1.1 404 "+evilLine+"\r\nServer: "+invisible+"\r\nContent-Length: 0\r\n\r\n")
				conn.Close()
			}
		}()
		file := filepath.Join(t.TempDir(), "a.service")
		content := fmt.Sprintf(`<service-group><name>x</name><service><type>_digiumproxy._udp</type><port>5060</port><txt-record>firmwareurl=http://%s/`+invisible+`</txt-record><txt-record>firmwareversion=2_8_1</txt-record></service></service-group>`, listener.Addr())
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		runsHarmless(t, "validate", "--probe", file)
		runsHarmless(t, "validate", "--probe", "--json", file)
	})
}

// TestEscapedNetwork has a host announce what is evil, and commands and the daemon of another print and log it.
func TestEscapedNetwork(t *testing.T) {
	l := newLAN(t)
	l.write("evil.service", "<service-group><name>Rival"+invisible+"</name><service><type>_digiumproxy._udp</type><subtype>_a"+invisible+"._sub._digiumproxy._udp</subtype><port>5060</port><txt-record>k="+evilXML+"</txt-record></service></service-group>")
	l.write("announcer.toml", "[daemon]\nservices = [\"services\"]\nhost = \"pbx\"\ninterfaces = [\"eth0\"]\n")
	_, daemon := l.start(nil, "run", "--config", "announcer.toml", "--log-format", "json")
	l.await(daemon, `"msg":"announced"`)
	startOn(t, l.phone, l.dir, "announce", "-i", "eth0", "evil.service")
	l.await(daemon, `Rival`)
	socket := filepath.Join(l.dir, "announcer.sock")
	for _, command := range []string{
		"browse -i eth0 --wait 2s", "browse -i eth0 --wait 2s --resolve", "browse -i eth0 --wait 2s --follow", "browse -i eth0 --wait 2s _digiumproxy._udp", "browse -i eth0 --wait 2s --json _digiumproxy._udp",
		"verify -i eth0 --wait 2s services/a.service", "verify -i eth0 --wait 2s --json services/a.service",
		"status --socket " + socket, "status --json --socket " + socket,
	} {
		t.Run(strings.ReplaceAll(command, socket, "SOCKET"), func(t *testing.T) {
			t.Chdir(l.dir)
			runsHarmless(t, strings.Fields(command)...)
		})
	}
	t.Run("resolve", func(t *testing.T) {
		runsHarmless(t, "resolve", "-i", "eth0", "--wait", "2s", "Rival"+invisible, "_digiumproxy._udp")
	})
	t.Run("log", func(t *testing.T) { wantHarmless(t, strings.Join(daemon.lines(), "\n")) })
}

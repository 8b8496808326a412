package avahixml

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"announcer/internal/diag"
	"announcer/services"
)

// oneLine describes a group: the name that it has on testhost, then each service with what it has beside a type.
func oneLine(g services.Group) string {
	line := fmt.Sprintf("%q", g.Instance("testhost"))
	for _, s := range g.Services {
		line += fmt.Sprintf(" %s:%d", s.Type, s.Port)
		if s.Protocol != services.AnyProtocol {
			line += " " + s.Protocol.String()
		}
		for _, subtype := range s.Subtypes {
			line += " sub=" + subtype.String()
		}
		if !s.Domain.IsZero() {
			line += " in=" + s.Domain.String()
		}
		if !s.Host.IsZero() {
			line += " at=" + s.Host.String()
		}
		for _, txt := range s.TXT {
			line += fmt.Sprintf(" %q", txt)
		}
	}
	return line
}

const refused = "" // in the tables of this file

func decodeLine(content string) (line string, findings diag.Findings) {
	group, findings := decode("F.service", []byte(content), "testhost")
	if findings.Err() != nil {
		return refused, findings
	}
	return oneLine(group), findings
}

// What avahi-daemon 0.8 and 0.9-rc5 do, tried one by one.
func TestDecodeLikeAvahi(t *testing.T) {
	const (
		xType = "<type>_tt._tcp</type>"
		xPort = "<port>80</port>"
	)
	group := func(inside string) string { return "<service-group>" + inside + "</service-group>" }
	named := func(name string) string { return group(name + "<service>" + xType + xPort + "</service>") }
	service := func(inside string) string {
		return group("<name>n</name><service>" + inside + "</service>")
	}
	typed := func(text string) string { return service("<type>" + text + "</type>" + xPort) }
	with := func(inside string) string { return service(xType + xPort + inside) }
	port := func(inside string) string { return service(xType + inside) }
	txt := func(text string) string { return with("<txt-record>" + text + "</txt-record>") }
	hexed := func(text string) string {
		return with(`<txt-record value-format="binary-hex">` + text + "</txt-record>")
	}
	based := func(text string) string {
		return with(`<txt-record value-format="binary-base64">` + text + "</txt-record>")
	}
	const plain = `"n" _tt._tcp:80`
	rep := strings.Repeat

	for what, rows := range map[string][][2]string{
		"name": {
			{named("<name>  a b \n</name>"), `"  a b \n" _tt._tcp:80`},
			{named("<name>a</name><name>b</name>"), `"ab" _tt._tcp:80`},
			{named(`<name replace-wildcards="yes">x %h</name><name>%h2</name>`), `"x testhosttesthost2" _tt._tcp:80`},
			{named(`<name replace-wildcards="yes">x %h</name><name replace-wildcards="no">%h2</name>`), `"x %h%h2" _tt._tcp:80`},
			{named(`<name replace-wildcards="yes">%h-%h %%h %H %n \%h</name>`), `"testhost-testhost %testhost %H %n \\testhost" _tt._tcp:80`},
			{named(`<name replace-wildcards="YES">%h</name>`), `"%h" _tt._tcp:80`},
			{named(`<name replace-wildcards="">%h</name>`), `"%h" _tt._tcp:80`},
			{named("<name/>"), refused},
			{named(""), refused},
			{named("<name>" + rep("x", 63) + "</name>"), `"` + rep("x", 63) + `" _tt._tcp:80`},
			{named("<name>" + rep("x", 64) + "</name>"), refused},
			{named("<name>" + rep("é", 31) + "x</name>"), `"` + rep("é", 31) + `x" _tt._tcp:80`},
			{named("<name>" + rep("é", 32) + "</name>"), refused},
			{named(`<name replace-wildcards="yes">` + rep("x", 55) + "%h</name>"), `"` + rep("x", 55) + `testhost" _tt._tcp:80`},
			{named(`<name replace-wildcards="yes">` + rep("x", 56) + "%h</name>"), refused},
			{named("<name>\uFDD0</name>"), refused},
			{named("<name>\U0001FFFE</name>"), refused},
			{named(`<name>a.b\c</name>`), `"a.b\\c" _tt._tcp:80`},
		},
		"service": {
			{group("<name>n</name>"), refused},
			{group("<service>" + xType + xPort + "</service><name>n</name>"), plain},
			{group("<name>n</name><service>" + xPort + xType + "</service>"), plain},
			{group("x<name>n</name><service> y " + xType + xPort + "z</service>"), plain},
			{group("<name>n</name><service protocol='ipv4'>" + xType + "<port>1</port></service><service protocol='ipv6'>" + xType + "<port>2</port></service>"), `"n" _tt._tcp:1 ipv4 _tt._tcp:2 ipv6`},
			{group("<name>n</name>" + rep("<service>"+xType+xPort+"</service>", 2)), `"n" _tt._tcp:80 _tt._tcp:80`},
			{group("<name>n</name><service><type>_kk._tcp</type></service><service><type>k</type></service><service><type>_kl._tcp</type></service>"), refused},
			{group("<name>n</name><service protocol='any'>" + xType + xPort + "</service>"), plain},
			{group("<name>n</name><service protocol='IPv4'>" + xType + xPort + "</service>"), refused},
			{group("<name>n</name><service protocol=''>" + xType + xPort + "</service>"), refused},
			{group("<name>n</name><service protocol='ipv4' x='y'>" + xType + xPort + "</service>"), refused},
			{group("<name>n</name><Service>" + xType + xPort + "</Service>"), refused},
			{"<service-group xmlns='urn:x'><name>n</name><service>" + xType + xPort + "</service></service-group>", refused},
			{"<x:service-group><name>n</name><service>" + xType + xPort + "</service></x:service-group>", refused},
		},
		"type": {
			{service("<type>_http</type><type>._tcp</type>" + xPort), `"n" _http._tcp:80`},
			{service("<type/>" + xPort), refused},
			{service(xPort), refused},
			{typed("_x._tcp"), refused},
			{typed("http._tcp"), refused},
			{typed("_http._sctp"), refused},
			{typed("_http"), refused},
			{typed("_http.tcp"), refused},
			{typed("_http._tcp.local"), refused},
			{typed("_a._sub._http._tcp"), refused},
			{typed("_" + rep("x", 63) + "._tcp"), refused},
			{typed(" _http._tcp "), refused},
			{typed("_ht<b/>tp._tcp"), refused},
			{typed("_http._tcp."), `"n" _http._tcp:80`},
			{typed("_HTTP._TCP"), `"n" _HTTP._TCP:80`},
			{typed("_foo bar._tcp"), `"n" _foo bar._tcp:80`},
			{typed(`_a\.b._tcp`), `"n" _a\.b._tcp:80`},
			{typed(`_a\065._tcp`), `"n" _aA._tcp:80`},
			{typed(`_a\000._tcp`), refused},
			{typed("_hté._tcp"), `"n" _hté._tcp:80`},
			{typed("_" + rep("x", 62) + "._tcp"), `"n" _` + rep("x", 62) + `._tcp:80`},
			{typed("_ht<!-- c -->tp<?pi x?>.<![CDATA[_tcp]]>"), `"n" _http._tcp:80`},
		},
		"subtype": {
			{with("<subtype>_x</subtype>"), plain},
			{with("<subtype/>"), plain},
			{with("<subtype> _xx._sub._tt._tcp</subtype>"), plain},
			{with("<subtype>xx._sub._tt._tcp</subtype>"), plain},
			{with("<subtype>_._sub._tt._tcp</subtype>"), plain},
			{with("<subtype>_xy._sub._tt._tcp.local</subtype>"), plain},
			{with("<subtype>_xx._sub._other._udp</subtype>"), plain + " sub=_xx._sub._other._udp"},
			{with("<subtype>_xx._SUB._tt._TCP</subtype>"), plain + " sub=_xx._SUB._tt._TCP"},
			{with("<subtype>_xx._sub._tt._tcp.</subtype>"), plain + " sub=_xx._sub._tt._tcp"},
			{with("<subtype>_p y._sub._tt._tcp</subtype>"), plain + " sub=_p y._sub._tt._tcp"},
			{with("<subtype>_aa._sub._tt._tcp</subtype><subtype>_x</subtype><subtype>_bb._sub._tt._tcp</subtype>"), plain + " sub=_aa._sub._tt._tcp sub=_bb._sub._tt._tcp"},
		},
		"domain": {
			{with("<domain-name>local.</domain-name>"), plain + " in=local"},
			{with("<domain-name>LOCAL</domain-name>"), plain + " in=LOCAL"},
			{with("<domain-name>foo.local</domain-name>"), plain + " in=foo.local"},
			{with("<domain-name>example.com</domain-name>"), plain + " in=example.com"},
			{with("<domain-name>exam</domain-name><domain-name>ple</domain-name>"), plain + " in=example"},
			{with("<domain-name> local </domain-name>"), plain + " in= local "},
			{with("<domain-name>.</domain-name>"), plain + " in=."},
			{with("<domain-name/>"), plain},
			{with("<domain-name>a..b</domain-name>"), refused},
			{with("<domain-name>" + rep("x", 64) + "</domain-name>"), refused},
		},
		"host": {
			{with("<host-name>foo</host-name><host-name>.local</host-name>"), plain + " at=foo.local"},
			{with("<host-name>foo.local.</host-name>"), plain + " at=foo.local"},
			{with("<host-name>other.example.com</host-name>"), plain + " at=other.example.com"},
			{with("<host-name> foo.local </host-name>"), plain + " at= foo.local "},
			{with("<host-name>1.2.local</host-name>"), plain + " at=1.2.local"},
			{with("<host-name></host-name>"), plain},
			{with("<host-name>foo</host-name>"), refused},
			{with("<host-name>foo.</host-name>"), refused},
			{with("<host-name>localhost</host-name>"), refused},
			{with("<host-name>10.0.0.1</host-name>"), refused},
			{with("<host-name>::1</host-name>"), refused},
			{with("<host-name>.</host-name>"), refused},
			{with("<host-name>foo..local</host-name>"), refused},
		},
		"port": {
			{port("<port>80</port><port>81</port>"), `"n" _tt._tcp:81`},
			{port("<port>80</port><port/>"), `"n" _tt._tcp:0`},
			{port(""), `"n" _tt._tcp:0`},
			{port("<port> 80 </port>"), plain},
			{port("<port>\n\t80</port>"), plain},
			{port("<port>80abc</port>"), plain},
			{port("<port>8 0</port>"), `"n" _tt._tcp:8`},
			{port("<port>+80</port>"), plain},
			{port("<port>+-80</port>"), refused},
			{port("<port>0080</port>"), plain},
			{port("<port>0x50</port>"), refused},
			{port("<port>eighty</port>"), refused},
			{port("<port>$PORT</port>"), refused},
			{port("<port>,80</port>"), refused},
			{port("<port> 0 </port>"), `"n" _tt._tcp:0`},
			{port("<port>65535</port>"), `"n" _tt._tcp:65535`},
			{port("<port>-0</port>"), `"n" _tt._tcp:0`},
			{port("<port>-1</port>"), refused},
			{port("<port>65536</port>"), refused},
			{port("<port>65536</port><port>80</port>"), refused},
			{port("<port>99999999999999999999</port>"), refused},
			// Avahi takes these for 0 and 80, by an accident of C's arithmetic.
			{port("<port>-99999999999999999999</port>"), refused},
			{port("<port>4294967376</port>"), refused},
		},
		"txt": {
			{txt(""), refused},
			{txt("="), refused},
			{txt("k"), plain + ` "k"`},
			{txt("k="), plain + ` "k="`},
			{txt("k=a=b=c"), plain + ` "k=a=b=c"`},
			{txt(" k = v \n\tx "), plain + ` " k = v \n\tx "`},
			{txt("=foo"), plain + ` "foo"`},
			{txt("==foo"), plain + ` "=foo"`},
			{txt("=="), plain + ` "="`},
			{txt("==="), plain + ` "=="`},
			{txt("=a&amp;b=c"), plain + ` "a&b=c"`},
			{txt("==a&amp;b=c"), plain + ` "=a&b=c"`},
			{txt("&#61;&#61;x"), plain + ` "x"`},
			{txt("&amp;=foo"), plain + ` "&=foo"`},
			{txt(rep("x", 255)), plain + ` "` + rep("x", 255) + `"`},
			{txt(rep("x", 256)), refused},
			{with("<txt-record>a=1</txt-record><txt-record>b=2</txt-record><txt-record>a=3</txt-record><txt-record>c</txt-record>"), plain + ` "a=1" "b=2" "a=3" "c"`},
			{with("<txt-record value-format='text'>a=1</txt-record>"), plain + ` "a=1"`},
			{with("<txt-record value-format='hex'>a=1</txt-record>"), refused},
		},
		"hex": {
			{hexed("k=76616C7565"), plain + ` "k=value"`},
			{hexed("k="), plain + ` "k="`},
			{hexed("k=00ff"), plain + ` "k=\x00\xff"`},
			{hexed("zz"), plain + ` "zz"`},
			{hexed("=7661"), plain + ` "7661"`},
			{hexed("=&#10;k=76"), plain + ` "\nk=v"`},
			{hexed("==k=76"), plain + ` "=k=76"`},
			{hexed("k=766"), refused},
			{hexed("k=0x76"), refused},
			{hexed("k=76 61"), refused},
			{hexed("k=76\n"), refused},
		},
		"base64": {
			{based("k=dmFsdWU="), plain + ` "k=value"`},
			{based("k="), plain + ` "k="`},
			{based("k=AA=="), plain + ` "k=\x00"`},
			{based("k=AAA="), plain + ` "k=\x00\x00"`},
			{based("k=AB=="), plain + ` "k=\x00"`},
			{based("k=+/+/"), plain + ` "k=\xfb\xff\xbf"`},
			{based("k===="), refused},
			{based("k=A==="), refused},
			{based("k=AA=A"), refused},
			{based("k=AA==AAAA"), refused},
			{based("k=A=A="), refused},
			{based("k=dmFs dWU="), refused},
			{based("k=dmFsdWU"), refused},
			{based("k=-_-_"), refused},
			{based("k=AAAA\n"), refused},
		},
	} {
		t.Run(what, func(t *testing.T) {
			for _, row := range rows {
				if got, findings := decodeLine(row[0]); got != row[1] {
					t.Errorf("%s\n got %s\nwant %s\n%v", row[0], got, row[1], findings)
				}
			}
		})
	}
}

func TestDecodeTooLarge(t *testing.T) {
	group := "<service-group><name>n</name><service><type>_tt._tcp</type><port>80</port></service></service-group>"
	fill := func(size int) []byte { return []byte(group + strings.Repeat("\n", size-len(group))) }
	if _, findings := decode("F.service", fill(MaxSize), "testhost"); len(findings) > 0 {
		t.Errorf("a file of the largest size: %v", findings)
	}
	_, findings := decode("F.service", fill(MaxSize+1), "testhost")
	if want := "F.service: the file has 1048577 bytes; the most is 1048576"; findings.Error() != want {
		t.Errorf("got %v; want %s", findings, want)
	}
}

// However a file is spent, it is read in linear time, and little is said about it.
func TestDecodeIsBounded(t *testing.T) {
	const group = "<service-group><name>n</name>"
	fill := func(start, part, end string) func(int) string {
		return func(size int) string {
			return start + strings.Repeat(part, (size-len(start)-len(end))/len(part)) + end
		}
	}
	count := func(start, format, end string) func(int) string {
		return func(size int) string {
			var b strings.Builder
			b.WriteString(start)
			for i := 0; b.Len() < size-2*len(format)-len(end); i++ {
				fmt.Fprintf(&b, format, i)
			}
			return b.String() + end
		}
	}
	for what, content := range map[string]func(size int) string{
		"unknown elements":       fill("<service-group>", "<x/>", "</service-group>"),
		"nested elements":        fill("", "<service-group>", ""),
		"attributes":             count("<service-group", " a%d=''", "/>"),
		"names":                  fill("<service-group>", "<name>x</name>", "</service-group>"),
		"a long name":            fill("<service-group><name>", "é", "</name></service-group>"),
		"a long element":         fill("<", "x", "/>"),
		"labels":                 fill(group+"<service><type>", ".", "</type></service></service-group>"),
		"services of one type":   fill(group, "<service><type>_tt._tcp</type></service>", "</service-group>"),
		"other ports":            count(group, "<service><type>_tt._tcp</type><port>%d</port></service>", "</service-group>"),
		"services of many types": count(group, "<service><type>_t%d._tcp</type></service>", "</service-group>"),
		"references":             fill("<service-group><name>", "&lt;", "</name></service-group>"),
		"equals signs":           fill(group+"<service><type>_tt._tcp</type><txt-record>", "&#61;", "</txt-record></service></service-group>"),
		"dropped entities":       fill("<!DOCTYPE x SYSTEM 'x'><service-group>", "&x;", "</service-group>"),
		"entities":               count("<!DOCTYPE x [", "<!ENTITY e%d 'x'>", "]><service-group/>"),
		"content models":         fill("<!DOCTYPE x [<!ELEMENT x ", "(", ">]><x/>"),
		"line ends":              fill("", "\n", ""),
		"open brackets":          fill("", "<", ""),
		"zero bytes":             fill("", "\x00", ""),
		"attributes by default":  fill("<!DOCTYPE x [<!ATTLIST x a CDATA '' b CDATA ''>]><service-group>", "<x/>", "</service-group>"),
	} {
		t.Run(what, func(t *testing.T) {
			large := content(MaxSize)
			short, _ := timed(content(MaxSize / 16))
			long, findings := timed(large)
			if long > 60*short && long > time.Second { // in quadratic time it would be 256
				t.Errorf("a file 16 times as long took %v in place of %v", long, short)
			}
			if size := len(findings.Error()); len(findings) > 2*(diag.MaxFindings+1) || size > 2*diag.MaxFindings*3*1000 {
				t.Errorf("%d findings of %d bytes", len(findings), size)
			}
		})
	}
}

func timed(content string) (time.Duration, diag.Findings) {
	start := time.Now()
	_, findings := decode("F.service", []byte(content), "testhost")
	return time.Since(start), findings
}

func TestDecodeTooManyFindings(t *testing.T) {
	_, findings := decode("F.service", []byte("<service-group>"+strings.Repeat("<x/>", 200)+"</service-group>"), "testhost")
	if len(findings) != diag.MaxFindings+1 {
		t.Errorf("%d findings", len(findings))
	}
	if want := "F.service: and 102 more errors; the first 100 are shown"; findings[len(findings)-1].String() != want {
		t.Errorf("got %s; want %s", findings[len(findings)-1], want)
	}
}

// decode reads a file and checks it for a host.
func decode(file string, data []byte, host string) (group services.Group, findings diag.Findings) {
	written := Decode(file, data)
	findings = written.Check(host)
	if len(written.Groups) > 0 {
		group = written.Groups[0].Group
	}
	return group, findings
}

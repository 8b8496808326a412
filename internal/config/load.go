package config

import (
	"fmt"
	"net"
	"net/netip"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"announcer/internal/definition"
	"announcer/internal/diag"
	"announcer/internal/dnsname"
	"announcer/internal/publication"
	"announcer/internal/remote"
	"announcer/internal/strict"
	"announcer/services"
)

// rawConfig is a configuration as it is written.
type rawConfig struct {
	Daemon rawDaemon  `toml:"daemon"`
	Remote rawRemote  `toml:"remote"`
	Groups []RawGroup `toml:"group"`
	Rules  []rawRule  `toml:"rule"`
}

type rawDaemon struct {
	Services       []string `toml:"services"`
	Interfaces     []string `toml:"interfaces"`
	InterfacesDeny []string `toml:"interfaces_deny"`
	Host           string   `toml:"host"`
	Engine         string   `toml:"engine"`
	OnConflict     string   `toml:"on_conflict"`
	Poll           string   `toml:"poll"`
	LogLevel       string   `toml:"log_level"`
	LogFormat      string   `toml:"log_format"`
	Socket         string   `toml:"socket"`
	HTTP           string   `toml:"http"`
	HTTPHosts      []string `toml:"http_hosts"`
	CheckInterval  string   `toml:"check_interval"`
	CheckTimeout   string   `toml:"check_timeout"`
	CheckDown      int64    `toml:"check_down"`
	CheckUp        int64    `toml:"check_up"`
}

type rawRemote struct {
	CA           string `toml:"ca"`
	Cert         string `toml:"cert"`
	Key          string `toml:"key"`
	User         string `toml:"user"`
	PasswordFile string `toml:"password_file"`
	Cache        string `toml:"cache"`
	Report       bool   `toml:"report"`
}

type rawRule struct {
	Match      []string `toml:"match"`
	Type       string   `toml:"type"`
	Interfaces []string `toml:"interfaces"`
	OnConflict string   `toml:"on_conflict"`
	Check      string   `toml:"check"`
}

// Load reads the configuration in data, which came from file. Directories in it are relative to that of the file. The
// groups are also in the definition file that it returns, which is not checked yet; the configuration is unusable if
// there is an error among the findings of its check.
func Load(file string, data []byte) (Config, *definition.File) {
	doc := strict.TOML(file, data)
	doc.Refuse(map[strict.Path]string{
		strict.Path("").Key("daemon").Key("metrics"): "the metrics are beside the page now; want http, with the same value",
	})
	var raw rawConfig
	doc.Into(&raw)
	l := loader{doc: doc, file: file}
	cfg := l.daemon(raw.Daemon)
	cfg.Remote = l.remote(raw.Remote)
	cfg.Report = l.report(raw.Remote.Report, cfg.Services)
	definitions := l.groups(raw.Groups, cfg.OnConflict)
	definitions.Host = cfg.Host
	for _, group := range definitions.Groups {
		cfg.Groups = append(cfg.Groups, group.Publication)
	}
	for i, rule := range raw.Rules {
		cfg.Rules = append(cfg.Rules, l.rule(strict.Path("").Key("rule").Index(i), rule))
	}
	return cfg, definitions
}

// rawDefinitions is a definition file as it is written.
type rawDefinitions struct {
	Groups []RawGroup `toml:"group"`
}

// LoadGroups reads the definition file in data, which came from file: one or more groups, and nothing else. standard is
// the policy for conflicts of a group that sets none. The groups are not checked yet.
func LoadGroups(file string, data []byte, standard publication.Policy) *definition.File {
	doc := strict.TOML(file, data)
	top := strict.Path("")
	doc.Refuse(map[strict.Path]string{
		top.Key("daemon"): "a definition file holds [[group]] only; want [daemon] in announcer.toml",
		top.Key("remote"): "a definition file holds [[group]] only; want [remote] in announcer.toml",
		top.Key("rule"):   "a definition file holds [[group]] only; want [[rule]] in announcer.toml",
	})
	var raw rawDefinitions
	doc.Into(&raw)
	if len(raw.Groups) == 0 && !doc.Has(top.Key("group")) && doc.Found.Errors() == 0 {
		doc.Errorf(top, "it defines nothing; want at least one [[group]], or group = [] to define nothing on purpose")
	}
	return loader{doc: doc, file: file}.groups(raw.Groups, standard)
}

// loader makes typed values of raw ones, and reports what is wrong with them.
type loader struct {
	doc  *strict.Document
	file string
}

func (l loader) daemon(raw rawDaemon) Config {
	cfg, p := Default(), strict.Path("").Key("daemon")
	if l.doc.Has(p.Key("services")) {
		cfg.Services = l.directories(p.Key("services"), raw.Services)
	}
	cfg.Interfaces = globs(l.doc, p.Key("interfaces"), raw.Interfaces)
	cfg.InterfacesDeny = globs(l.doc, p.Key("interfaces_deny"), raw.InterfacesDeny)
	cfg.Host = l.host(p.Key("host"), raw.Host)
	cfg.Engine = l.word(p.Key("engine"), raw.Engine, publication.Engines())
	cfg.OnConflict = policy(l.doc, p.Key("on_conflict"), raw.OnConflict, publication.DefaultPolicy)
	cfg.Poll = l.poll(p.Key("poll"), raw.Poll)
	cfg.LogLevel = l.word(p.Key("log_level"), raw.LogLevel, logLevels)
	cfg.LogFormat = l.word(p.Key("log_format"), raw.LogFormat, logFormats)
	cfg.Socket = l.socket(p.Key("socket"), raw.Socket)
	cfg.HTTP = l.http(p.Key("http"), raw.HTTP)
	cfg.HTTPHosts = l.hostNames(p.Key("http_hosts"), raw.HTTPHosts)
	cfg.Check.Interval = l.duration(p.Key("check_interval"), raw.CheckInterval, cfg.Check.Interval, time.Second, time.Hour)
	cfg.Check.Timeout = l.duration(p.Key("check_timeout"), raw.CheckTimeout, cfg.Check.Timeout, 100*time.Millisecond, 30*time.Second)
	cfg.Check.Down = l.number(p.Key("check_down"), raw.CheckDown, cfg.Check.Down)
	cfg.Check.Up = l.number(p.Key("check_up"), raw.CheckUp, cfg.Check.Up)
	return cfg
}

func (l loader) remote(raw rawRemote) remote.Settings {
	p := strict.Path("").Key("remote")
	settings := remote.Settings{
		CA: l.beside(raw.CA), Cert: l.beside(raw.Cert), Key: l.beside(raw.Key),
		User: raw.User, PasswordFile: l.beside(raw.PasswordFile), Cache: remote.DefaultCache,
	}
	if l.doc.Has(p.Key("cache")) {
		settings.Cache = l.beside(raw.Cache)
	}
	if settings.Cache == "" {
		l.doc.Errorf(p.Key("cache"), "the path is empty; want a directory such as %s", remote.DefaultCache)
	}
	l.together(p, "cert", raw.Cert, "key", raw.Key)
	l.together(p, "user", raw.User, "password_file", raw.PasswordFile)
	if strings.Contains(raw.User, ":") {
		l.doc.Errorf(p.Key("user"), "it has a colon, which ends a user in HTTP; want a user without, and the password in password_file")
	}
	return settings
}

// report reports that a host that reports how it stands has no site to report for.
func (l loader) report(report bool, places []string) bool {
	if _, _, ok := remote.SiteOf(places); report && !ok {
		l.doc.Errorf(strict.Path("").Key("remote").Key("report"), "no entry of services is a site in etcd; want one such as etcd://etcd.example.net/announcer/sites/berlin/")
	}
	return report
}

// beside returns a path, which starts at the directory of the file if it is relative; "" if it is empty.
func (l loader) beside(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(l.file), path)
}

// together reports that of two keys one is set alone.
func (l loader) together(table strict.Path, a, valueA, b, valueB string) {
	for _, pair := range [][4]string{{a, valueA, b, valueB}, {b, valueB, a, valueA}} {
		if pair[1] != "" && pair[3] == "" {
			l.doc.Errorf(table.Key(pair[0]), "it is set without %s; want both", pair[2])
		}
	}
}

func (l loader) socket(p strict.Path, path string) string {
	if path != "" && !filepath.IsAbs(path) {
		l.doc.Errorf(p, "%q is not an absolute path; want one such as /run/announcer/announcer.sock", path)
	}
	return path
}

// http returns the address to listen at: on the loopback, unless it says another host.
func (l loader) http(p strict.Path, text string) string {
	if text == "" {
		return ""
	}
	host, port, err := HTTPAddress(text)
	switch {
	case err != nil:
		l.doc.Errorf(p, "%v", err)
	case port == 0:
		l.doc.Errorf(p, "%q has no port; %s", text, wantHTTP)
	case IsPublic(host):
		l.doc.Report(p, diag.Warning, "config/public", fmt.Sprintf("%q is public: every host that reaches it can read the page; "+
			"want \"%d\", on the loopback, unless a firewall admits only those who may", text, port))
	}
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}

// wantHTTP is what would be right instead of an address without a port.
const wantHTTP = `want one such as "9353", on the loopback, or "192.0.2.1:9353"`

// HTTPAddress reads an address to serve a page at, such as 9353, 127.0.0.1:9353 or [::1]:9353. Without a host it is on the loopback.
func HTTPAddress(text string) (host string, port uint16, err error) {
	host, number, err := net.SplitHostPort(text)
	if err != nil {
		host, number = "", text
	}
	n, err := strconv.ParseUint(number, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("%q has no port; %s", text, wantHTTP)
	}
	if host == "" {
		return "127.0.0.1", uint16(n), nil
	}
	if _, err := netip.ParseAddr(host); err != nil && host != "localhost" {
		return "", 0, fmt.Errorf("%q is not an address of this host; want one such as 127.0.0.1, [::1], or 0.0.0.0 for all", host)
	}
	return host, uint16(n), nil
}

// IsPublic reports whether other hosts can reach an address as returned by [HTTPAddress].
func IsPublic(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err == nil && !addr.Unmap().IsLoopback()
}

// hostNames returns names of hosts, such as pbx.example.com.
func (l loader) hostNames(p strict.Path, names []string) (good []string) {
	for i, name := range names {
		parsed, err := dnsname.Parse(name)
		_, notAddress := netip.ParseAddr(name)
		switch {
		case err != nil || len(parsed.Labels()) == 0 || strings.ContainsAny(name, "/:@* "):
			l.doc.Errorf(p.Index(i), "%q is not the name of a host; want one such as pbx.example.com, without scheme and port", name)
		case notAddress == nil:
			l.doc.Errorf(p.Index(i), "%q is an address, and addresses are always accepted; want a name such as pbx.example.com", name)
		default:
			good = append(good, strings.TrimSuffix(name, "."))
		}
	}
	return good
}

func (l loader) directories(p strict.Path, paths []string) []string {
	var directories []string
	for i, dir := range paths {
		switch {
		case dir == "":
			l.doc.Errorf(p.Index(i), "the path is empty; want a directory, such as %s", defaultServices[0])
		case remote.IsURL(dir):
			if err := remote.Check(dir); err != nil {
				l.doc.Errorf(p.Index(i), "%v", err)
			}
			directories = append(directories, dir)
		default:
			directories = append(directories, l.beside(dir))
		}
	}
	return directories
}

func (l loader) host(p strict.Path, host string) string {
	if host == "" {
		return ""
	}
	label, _, hasDot := strings.Cut(host, ".")
	_, err := dnsname.New(host)
	switch {
	case hasDot && label != "":
		l.doc.Errorf(p, "%q has a dot; want the name without its domain, %q", host, label)
	case err != nil || dnsname.CheckUTF8(host) != nil:
		l.doc.Errorf(p, "%q is not the name of a host; want 1 to %d bytes of text, such as pbx", host, dnsname.MaxLabel)
	}
	return host
}

// auto is the word for a time that the files themselves decide on.
const auto = "auto"

func (l loader) poll(p strict.Path, text string) time.Duration {
	if !l.doc.Has(p) || text == auto {
		return 0
	}
	every, err := time.ParseDuration(text)
	if err != nil {
		l.doc.Errorf(p, "%q is not a time; want one such as \"2s\", or %q", text, auto)
	} else if err := CheckPoll(every); err != nil {
		l.doc.Errorf(p, "%v, or %q", err, auto)
	}
	return every
}

// word returns the default where a key is not set.
func (l loader) word(p strict.Path, word string, words []string) string {
	if !l.doc.Has(p) {
		return words[0]
	}
	if !slices.Contains(words, word) {
		unknownWord(l.doc, p, word, words)
	}
	return word
}

// duration returns standard where a key is not set.
func (l loader) duration(p strict.Path, text string, standard, least, most time.Duration) time.Duration {
	if !l.doc.Has(p) {
		return standard
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < least || d > most {
		l.doc.Errorf(p, "%q is out of range; want from %q to %q, such as %q", text, least, most, standard)
	}
	return d
}

// maxInRow is the most answers in a row that a check can wait for.
const maxInRow = 100

// number returns standard where a key is not set.
func (l loader) number(p strict.Path, n int64, standard int) int {
	if !l.doc.Has(p) {
		return standard
	}
	if n < 1 || n > maxInRow {
		l.doc.Errorf(p, "%d is out of range; want from 1 to %d", n, maxInRow)
	}
	return int(n)
}

func unknownWord(doc *strict.Document, p strict.Path, word string, words []string) {
	if nearest := diag.Nearest(word, words); nearest != "" {
		doc.Errorf(p, "%q is not known; did you mean %q?", word, nearest)
		return
	}
	doc.Errorf(p, "%q is not known; want %s", word, choice(words))
}

// choice lists words in quotes, with "or" before the last.
func choice(words []string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = fmt.Sprintf("%q", word)
	}
	last := len(quoted) - 1
	if last == 0 {
		return quoted[0]
	}
	return strings.Join(quoted[:last], ", ") + " or " + quoted[last]
}

// policy returns standard where a key is not set.
func policy(doc *strict.Document, p strict.Path, word string, standard publication.Policy) publication.Policy {
	if !doc.Has(p) {
		return standard
	}
	parsed, ok := publication.ParsePolicy(word)
	if !ok {
		unknownWord(doc, p, word, publication.PolicyWords())
	}
	return parsed
}

// check returns no check where a key is not set.
func check(doc *strict.Document, p strict.Path, word string) publication.Check {
	if !doc.Has(p) {
		return publication.NoCheck
	}
	parsed, ok := publication.ParseCheck(word)
	if !ok {
		unknownWord(doc, p, word, publication.CheckWords())
	}
	return parsed
}

// globs checks patterns of interface names.
func globs(doc *strict.Document, p strict.Path, patterns []string) []string {
	for i, pattern := range patterns {
		if _, err := path.Match(pattern, ""); err != nil || pattern == "" {
			doc.Errorf(p.Index(i), "%q is not a pattern of names; want one such as eth0 or vlan*", pattern)
		}
	}
	return patterns
}

func (l loader) groups(raw []RawGroup, standard publication.Policy) *definition.File {
	definitions := &definition.File{Found: l.doc.Found}
	seen := map[string]int{}
	for i, rawGroup := range raw {
		group := rawGroup.Definition(l.doc, strict.Path("").Key("group").Index(i), standard)
		group.ID = fmt.Sprintf("%s: group %q", l.file, group.Group.Name)
		seen[group.ID]++
		if n := seen[group.ID]; n > 1 {
			group.ID = fmt.Sprintf("%s (%d)", group.ID, n)
		}
		definitions.Groups = append(definitions.Groups, group)
	}
	return definitions
}

func (l loader) rule(p strict.Path, raw rawRule) Rule {
	place := l.doc.Place(p)
	rule := Rule{
		Match: l.fileGlobs(p.Key("match"), raw.Match), Interfaces: globs(l.doc, p.Key("interfaces"), raw.Interfaces),
		Line: place.Line, Column: place.Column,
	}
	if l.doc.Has(p.Key("type")) {
		var err error
		if rule.Type, err = services.ParseType(raw.Type); err != nil {
			l.doc.Errorf(p.Key("type"), "%v", err)
		}
	}
	if l.doc.Has(p.Key("on_conflict")) {
		set := policy(l.doc, p.Key("on_conflict"), raw.OnConflict, publication.DefaultPolicy)
		rule.OnConflict = &set
	}
	if l.doc.Has(p.Key("check")) {
		set := check(l.doc, p.Key("check"), raw.Check)
		rule.Check = &set
	}
	if !l.doc.Has(p.Key("match")) && !l.doc.Has(p.Key("type")) {
		l.doc.Errorf(p, "the rule matches no file; want match = \"*.service\" or a type")
	}
	if !l.doc.Has(p.Key("interfaces")) && !l.doc.Has(p.Key("on_conflict")) && !l.doc.Has(p.Key("check")) {
		l.doc.Errorf(p, "the rule sets nothing; want interfaces, on_conflict or check")
	}
	return rule
}

func (l loader) fileGlobs(p strict.Path, patterns []string) []string {
	if l.doc.Has(p) && len(patterns) == 0 {
		l.doc.Errorf(p, "the list is empty; want names of files, such as firmware-*.service")
	}
	for i, pattern := range patterns {
		_, err := path.Match(pattern, "")
		switch {
		case err != nil || pattern == "":
			l.doc.Errorf(p.Index(i), "%q is not a pattern of file names; want one such as firmware-*.service", pattern)
		case strings.Contains(pattern, "/"):
			l.doc.Errorf(p.Index(i), "%q has a slash; want the name of the file alone, %q", pattern, path.Base(pattern))
		}
	}
	return patterns
}

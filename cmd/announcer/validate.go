package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"announcer/internal/config"
	"announcer/internal/convert"
	"announcer/internal/diag"
	"announcer/internal/escape"
	"announcer/internal/netwatch"
	"announcer/internal/phones"
	"announcer/internal/publication"
	"announcer/internal/remote"
	"announcer/internal/source"
	"announcer/internal/status"
	"announcer/internal/validate"
	"announcer/internal/within"
	"announcer/services"
)

func validateCommand() *cli.Command {
	return command(cli.Command{
		Name:      "validate",
		Usage:     "check definitions: print where each problem is, what is wrong and what would be right",
		ArgsUsage: "PATH...",
		UsageText: "announcer validate [--strict] [--probe] [--json] [FILE | DIR | URL]...\n" +
			"announcer validate --format FORMAT [--strict] [--json] FILE | -",
		Description: "Checks definition files, directories of them, URLs of them, and announcer.toml. Without arguments it checks what announcer run would read. - is standard input and needs --format. " +
			"For services that phones browse, it also checks the form of each TXT key. " +
			"Of res_digium_phone.conf it prints what DPMA itself announces, and whether that meets what announcer run would announce. " +
			"The word in brackets at the end of a line is the name of the rule; it is stable. Exits with 3 if there is an error.",
		Flags: append(definitionFlags(),
			&cli.BoolFlag{Name: "strict", Usage: "treat warnings as errors"},
			&cli.StringFlag{Name: "format", Usage: "read every file that is an argument as `FORMAT`: " + readFormatWords() + " (default: by its ending)"},
			&cli.BoolFlag{Name: "probe", Usage: "also ask the servers in the definitions: HTTP HEAD for each firmware file, SIP OPTIONS for a PBX"},
			jsonFlag(),
		),
		Action: validateAction,
	})
}

func validateAction(c *cli.Context) error {
	prober := phones.NewProber(c.Context, lookup(place))
	report, err := validated(c, prober)
	if err != nil {
		return err
	}
	if findings, ok := within.Do(configTime, func() diag.Findings { return unreadable(c) }); ok {
		report.Findings = validate.List(report.Findings, findings)
	}
	faults, warnings := report.Findings.Errors().Count(), report.Findings.Warnings().Count()
	if c.Bool("json") {
		err = escape.WriteJSON(c.App.Writer, validateOutput{formatVersion, report.Files, faults, warnings, append(diag.Findings{}, report.Findings...), prober.Probes()})
	} else {
		printFindings(c.App.Writer, report.Findings)
		if err := probeTable(c.App.Writer, prober.Probes()); err != nil {
			return err
		}
		_, err = escape.Fprintf(c.App.Writer, "%s checked, %s, %s\n", count(report.Files, "file"), count(faults, "error"), count(warnings, "warning"))
	}
	if err == nil && (faults > 0 || warnings > 0 && c.Bool("strict")) {
		return silent(exitInvalid)
	}
	return err
}

// probeTable prints what the servers answered, nothing where none was asked.
func probeTable(w io.Writer, probes []phones.Probe) error {
	if len(probes) == 0 {
		return nil
	}
	var rows [][]string
	for _, p := range probes {
		rows = append(rows, []string{p.Answer, bytesText(p.Size), p.URL})
	}
	return table(w, "ANSWER SIZE URL", rows)
}

// bytesText returns a number of bytes for people, "-" for none.
func bytesText(n int64) string {
	if n <= 0 {
		return "-"
	}
	return status.Bytes(n)
}

// validated checks the arguments or, if there are none, what the daemon would read.
func validated(c *cli.Context, prober *phones.Prober) (validate.Report, error) {
	var lints []services.Lint
	if c.Bool("probe") {
		lints = append(lints, prober.Lint)
	}
	if c.Args().Present() {
		return validatedPaths(c, lints)
	}
	if c.IsSet("format") {
		return validate.Report{}, usagef("--format: there are no files; want files, or - for the standard input")
	}
	request := sourceRequest(c)
	request.Lints = lints
	snap, err := source.Load(c.Context, request)
	if err != nil {
		return validate.Report{}, err
	}
	if findings, ok := errors.AsType[diag.Findings](snap.Usable()); ok {
		return validate.Report{Files: 1, Findings: findings}, nil
	}
	report := validate.Read(snap)
	report.Findings = append(report.Findings, validate.Nothing(snap)...)
	return report, nil
}

func validatedPaths(c *cli.Context, lints []services.Lint) (validate.Report, error) {
	o := validate.Options{Engine: cmp.Or(c.String("engine"), publication.Engines()[0]), Host: source.HostName(), Lints: lints}
	settings, err := remoteSettings(c)
	if err != nil {
		return validate.Report{}, err
	}
	o.Fetch = func(url string) ([]remote.File, []string, error) { return source.Fetch(c.Context, url, settings) }
	o.Stdin = func() ([]byte, error) { return readInput(c.Context, stdin) }
	if word := c.String("format"); word != "" {
		o.Format, err = format("--format", word, convert.ReadFormats())
	} else if slices.Contains(c.Args().Slice(), stdin) {
		err = usagef("the standard input has no name that ends in its format; want --format FORMAT (%s)", readFormatWords())
	}
	if err != nil {
		return validate.Report{}, err
	}
	if o.Beside, err = definedBeside(c, o.Format); err != nil {
		return validate.Report{}, err
	}
	return validate.Paths(c.Args().Slice(), o), nil
}

// definedBeside returns what the daemon would announce, if the arguments are files of DPMA alone, which announces beside it.
func definedBeside(c *cli.Context, of convert.Format) ([]publication.Publication, error) {
	isOther := func(path string) bool {
		f, _ := convert.FormatOf(path)
		return cmp.Or(of, f) != convert.DPMA
	}
	if slices.ContainsFunc(c.Args().Slice(), isOther) {
		return nil, nil
	}
	snap, err := source.Load(c.Context, sourceRequest(c))
	return snap.Publications, err
}

// remoteSettings returns how URLs are asked for: what the configuration says, if one is named.
func remoteSettings(c *cli.Context) (remote.Settings, error) {
	file := c.String("config")
	if file == "" {
		return remote.Settings{}, nil
	}
	data, err := source.ReadFile(file)
	if err != nil {
		return remote.Settings{}, fmt.Errorf("%s: %w", file, err)
	}
	cfg, written := config.Load(file, data)
	if err := written.Check(source.HostName()).Err(); err != nil {
		return remote.Settings{}, &exitError{exitInvalid, err}
	}
	return cfg.Remote, nil
}

// unreadable returns a warning for each checked file of the installed daemon's that the user of its unit can't read. With
// --config or --services, the files are not the unit's.
func unreadable(c *cli.Context) diag.Findings {
	unit, ok := validate.ReadUnit("/")
	if !ok || c.IsSet("config") || c.IsSet("services") {
		return nil
	}
	places := append(config.DefaultServices(), defaultConfig)
	if data, err := source.ReadFile(defaultConfig); err == nil {
		cfg, _ := config.Load(defaultConfig, data)
		places = slices.Concat(places, cfg.Services, slices.DeleteFunc(cfg.Remote.Files(), isCredential))
	}
	if !c.Args().Present() {
		return unit.Unreadable(distinct(places))
	}
	return unit.Unreadable(slices.DeleteFunc(c.Args().Slice(), func(path string) bool { return !isIn(path, places) }))
}

// isCredential reports whether systemd makes a file, for the daemon alone, while the unit runs.
func isCredential(path string) bool { return strings.HasPrefix(path, "/run/credentials/") }

// distinct returns paths without those that are there twice.
func distinct(paths []string) []string {
	slices.Sort(paths)
	return slices.Compact(paths)
}

// isIn reports whether a path is one of the places, or directly in one.
func isIn(path string, places []string) bool {
	path, err := filepath.Abs(path)
	return err == nil && (slices.Contains(places, path) || slices.Contains(places, filepath.Dir(path)))
}

// count returns "1 file", "2 files".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// place returns this host's name, and the links on which hosts in .local are asked for.
func place() (host string, links []publication.Link, err error) {
	links, err = netwatch.Read()
	links, _ = netwatch.Select(links, nil, nil)
	return source.HostName(), links, err
}

package main

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"announcer/internal/config"
	"announcer/internal/diag"
	"announcer/internal/source"
	"announcer/internal/validate"
)

func validateCommand() *cli.Command {
	return command(cli.Command{
		Name:      "validate",
		Usage:     "find every problem of every file: where it is, what is wrong, what would be right",
		UsageText: "announcer validate [--strict] [--json] [FILE | DIR]...",
		Description: "Checks .service files, the ones in directories, and announcer.toml. Without arguments it checks what announcer run would read. " +
			"Exits with 3 if anything is wrong.",
		Flags: append(definitionFlags(),
			&cli.BoolFlag{Name: "strict", Usage: "let warnings count as errors"},
			jsonFlag(),
		),
		Action: validateAction,
	})
}

func validateAction(c *cli.Context) error {
	report, err := validated(c)
	if err != nil {
		return err
	}
	report.Findings.Sort()
	faults, warnings := len(report.Findings.Errors()), len(report.Findings.Warnings())
	if c.Bool("json") {
		err = printJSON(c.App.Writer, struct {
			Schema   int           `json:"schema"`
			Files    int           `json:"files"`
			Errors   int           `json:"errors"`
			Warnings int           `json:"warnings"`
			Findings diag.Findings `json:"findings"`
		}{1, report.Files, faults, warnings, append(diag.Findings{}, report.Findings...)})
	} else {
		printFindings(c.App.Writer, report.Findings)
		_, err = fmt.Fprintf(c.App.Writer, "%s checked, %s, %s\n", count(report.Files, "file"), count(faults, "error"), count(warnings, "warning"))
	}
	if err == nil && (faults > 0 || warnings > 0 && c.Bool("strict")) {
		return silent(exitInvalid)
	}
	return err
}

// validated checks the arguments or, where there are none, what the daemon would read.
func validated(c *cli.Context) (validate.Report, error) {
	if c.Args().Present() {
		return validate.Paths(c.Args().Slice(), cmp.Or(c.String("engine"), config.Engines()[0]), source.HostName()), nil
	}
	snap, err := newSource(c).Load()
	if findings, ok := errors.AsType[diag.Findings](err); ok {
		return validate.Report{Files: 1, Findings: findings}, nil
	} else if err != nil {
		return validate.Report{}, err
	}
	findings := append(snap.Findings, validate.Together(snap.Publications, snap.Config.Engine, snap.Host)...)
	return validate.Report{Files: snap.Files, Findings: findings}, nil
}

// count gives "1 file", "2 files".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

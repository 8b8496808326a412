package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"announcer/internal/convert"
	"announcer/internal/diag"
	"announcer/internal/escape"
	"announcer/internal/phones"
	"announcer/internal/preset"
	"announcer/internal/source"
)

func firmwareCommand() *cli.Command {
	return command(cli.Command{
		Name:      "firmware",
		Usage:     "list, announce and serve a directory of phone firmware",
		UsageText: "announcer firmware COMMAND DIR [FLAG]...",
		Subcommands: []*cli.Command{
			firmwareScanCommand(), firmwareServiceCommand(), firmwareXMLCommand(), firmwareServeCommand(),
		},
	})
}

func firmwareScanCommand() *cli.Command {
	return command(cli.Command{
		Name:      "scan",
		Usage:     "list the firmware in a directory by version and model, with its problems",
		ArgsUsage: "DIR",
		UsageText: "announcer firmware scan DIR [--json]",
		Description: "Reads a directory, or an unpacked firmware package: files named VERSION_MODEL_firmware.eff, and " +
			"digium_phones_firmware.conf if it exists. Exits with 3 if phones can't use the firmware.",
		Flags:  []cli.Flag{jsonFlag()},
		Action: firmwareScan,
	})
}

func firmwareServiceCommand() *cli.Command {
	return command(cli.Command{
		Name:      "service",
		Usage:     "print the definition that announces the firmware of a directory",
		ArgsUsage: "DIR",
		UsageText: "announcer firmware service DIR --url URL [--to FORMAT]",
		Flags: []cli.Flag{
			firmwareURLFlag(), versionFlag(),
			&cli.StringFlag{Name: "to", Usage: "write `FORMAT`: " + formatWords(), Value: string(convert.Avahi)},
			&cli.StringFlag{Name: "name", Usage: "the instance `NAME` that users see (default: from version and server)"},
		},
		Action: firmwareService,
	})
}

func firmwareXMLCommand() *cli.Command {
	return command(cli.Command{
		Name:      "xml",
		Usage:     "print the firmwares element of a phone's configuration for a directory of firmware",
		ArgsUsage: "DIR",
		UsageText: "announcer firmware xml DIR --url URL [--public-url URL]",
		Flags: []cli.Flag{
			firmwareURLFlag(), versionFlag(),
			&cli.StringFlag{Name: "public-url", Usage: "also print public_firmwares with `URL`, which phones try if the first one fails"},
		},
		Action: firmwareXML,
	})
}

func firmwareURLFlag() cli.Flag {
	return &cli.StringFlag{Name: "url", Usage: "the `URL` at which phones find the directory, such as http://10.1.2.3/"}
}

func versionFlag() cli.Flag {
	return &cli.StringFlag{Name: "firmware-version", Usage: "use `VERSION`, such as 2_8_1 (default: the only one there is)"}
}

// scanned reads the directory that is the argument.
func scanned(c *cli.Context) (dir string, found phones.Firmware, err error) {
	if c.NArg() != 1 {
		return "", found, usagef("firmware %s: want one directory with firmware, such as /srv/firmware", c.Command.Name)
	}
	dir = c.Args().First()
	found, err = phones.Scan(dir)
	return dir, found, err
}

// releaseOf returns the firmware to work with. Its findings are reported.
func releaseOf(c *cli.Context) (dir string, release phones.Release, err error) {
	dir, found, err := scanned(c)
	if err != nil {
		return dir, release, err
	}
	printFindings(c.App.ErrWriter, found.Findings)
	release, err = found.Release(c.String("firmware-version"))
	if _, told := errors.AsType[diag.Findings](err); told {
		return dir, release, silent(exitInvalid)
	} else if err != nil {
		return dir, release, usagef("--firmware-version: %w", err)
	}
	return dir, release, nil
}

func firmwareScan(c *cli.Context) error {
	dir, found, err := scanned(c)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		err = escape.WriteJSON(c.App.Writer, scanOutput{formatVersion, dir, append([]phones.Image{}, found.Images...), append(diag.Findings{}, found.Findings...)})
	} else {
		err = firmwareTable(c, found)
	}
	if err == nil && found.Findings.Err() != nil {
		return silent(exitInvalid)
	}
	return err
}

func firmwareTable(c *cli.Context, found phones.Firmware) error {
	var rows [][]string
	for _, image := range found.Images {
		rows = append(rows, []string{image.Version, image.Model, bytesText(image.Size), image.Path})
	}
	if len(rows) > 0 {
		if err := table(c.App.Writer, "VERSION MODEL SIZE FILE", rows); err != nil {
			return err
		}
	}
	printFindings(c.App.Writer, found.Findings)
	_, err := escape.Fprintf(c.App.Writer, "%s of %s, %s, %s\n", count(len(rows), "file"), count(len(found.Versions()), "version"),
		count(found.Findings.Errors().Count(), "error"), count(found.Findings.Warnings().Count(), "warning"))
	return err
}

func firmwareService(c *cli.Context) error {
	to, err := format("--to", c.String("to"), convert.Formats())
	if err != nil {
		return err
	}
	dir, release, err := releaseOf(c)
	if err != nil {
		return err
	}
	group, err := preset.Group("firmware", preset.OfRelease(release, c.String("url"), c.String("name")), source.HostName())
	if err != nil {
		return firmwareFault(c, dir, err)
	}
	data, findings := convert.EncodeTogether(to, []convert.Definition{{Name: "firmware-" + release.Version, Origin: dir, Group: group}}, source.HostName())
	printFindings(c.App.ErrWriter, findings)
	if findings.Err() != nil {
		return silent(exitInvalid)
	}
	_, err = c.App.Writer.Write(data)
	return err
}

// firmwareFault reports why firmware can't be announced: of what the flags say, or of what the directory holds.
func firmwareFault(c *cli.Context, dir string, err error) error {
	fill, ok := errors.AsType[*preset.FillError](err)
	if !ok {
		return err
	}
	code := exitInvalid
	for _, p := range fill.Problems {
		where := dir
		if p.Value == "url" || p.Value == "name" {
			where, code = fillFlag(p.Value), exitUsage
		}
		escape.Fprintf(c.App.ErrWriter, "announcer: %s: %s\n", where, p.Text)
	}
	return silent(code)
}

func firmwareXML(c *cli.Context) error {
	for _, flag := range []string{"url", "public-url"} {
		if flag == "public-url" && !c.IsSet(flag) {
			continue
		}
		if _, err := phones.ParseURL(c.String(flag)); err != nil {
			return usagef("--%s: %w", flag, err)
		}
	}
	_, release, err := releaseOf(c)
	if err != nil {
		return err
	}
	text, err := release.XML(c.String("url"), c.String("public-url"))
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(c.App.Writer, strings.TrimSuffix(string(text), "\n")+"\n")
	return err
}

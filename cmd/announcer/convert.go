package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"announcer/internal/convert"
	"announcer/internal/diag"
	"announcer/internal/escape"
	"announcer/internal/source"
	"announcer/internal/validate"
)

func convertCommand() *cli.Command {
	return command(cli.Command{
		Name:      "convert",
		Usage:     "translate definitions from one format to another",
		ArgsUsage: "PATH...",
		UsageText: "announcer convert --to FORMAT [-o DIR] FILE | DIR | -...",
		Description: "Reads files of any format, recognized by their endings, and prints or writes them in another. - is standard input and needs --from. " +
			"Reports what the other format can't express. Leaves out a file with an error, and then exits with 3.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "to", Usage: "write `FORMAT`: " + formatWords()},
			&cli.StringFlag{Name: "from", Usage: "read every file as `FORMAT`: one of these or dpma (default: by its ending)"},
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "write files into `DIR` (default: print to standard output)"},
			&cli.BoolFlag{Name: "force", Usage: "overwrite files that exist"},
		},
		Action: convertAction,
	})
}

func formatWords() string { return strings.Join(convert.Formats(), ", ") }

func readFormatWords() string { return strings.Join(convert.ReadFormats(), ", ") }

// stdin stands for the standard input among the files to read.
const stdin = validate.Stdin

// converter carries what the steps of a conversion share.
type converter struct {
	c      *cli.Context
	from   string // "": by the ending
	to     convert.Format
	failed bool
}

func convertAction(c *cli.Context) error {
	if c.String("to") == "" || !c.Args().Present() {
		return usagef("convert: no format or no files; want --to FORMAT (%s) and files or directories", formatWords())
	}
	to, err := format("--to", c.String("to"), convert.Formats())
	if err != nil {
		return err
	}
	if from := c.String("from"); from != "" {
		if _, err := format("--from", from, convert.ReadFormats()); err != nil {
			return err
		}
	}
	v := &converter{c: c, from: c.String("from"), to: to}
	if dir := c.String("output"); dir != "" {
		err = v.toDirectory(dir)
	} else {
		err = v.toStdout()
	}
	if err == nil && v.failed {
		return silent(exitInvalid)
	}
	return err
}

// format reads the value of a flag that is one of some formats.
func format(flag, word string, formats []string) (convert.Format, error) {
	if !slices.Contains(formats, word) {
		return "", usagef("%s: %q is not a format%s; want one of %s", flag, word, diag.DidYouMean(word, formats), strings.Join(formats, ", "))
	}
	f, _ := convert.ParseFormat(word)
	return f, nil
}

// report prints findings and remembers whether one of them is an error.
func (v *converter) report(findings diag.Findings) {
	printFindings(v.c.App.ErrWriter, findings)
	v.failed = v.failed || findings.Err() != nil
}

func (v *converter) fault(path string, err error) {
	v.report(diag.Findings{{File: path, Severity: diag.Error, Text: err.Error()}})
}

// files returns the files that the arguments stand for.
func (v *converter) files() []string {
	var all []string
	for _, path := range v.c.Args().Slice() {
		if path == stdin {
			all = append(all, path)
			continue
		}
		files, err := source.Expand(path, v.readable)
		if err != nil {
			v.fault(path, err)
		}
		all = append(all, files...)
	}
	if len(all) == 0 && !v.failed {
		v.report(diag.Findings{validate.Undefined(v.c.Args().Slice())})
	}
	return all
}

// readable reports whether a file in a directory is a definition.
func (v *converter) readable(name string) bool {
	_, ok := convert.FormatOf(name)
	return (ok || v.from != "") && !strings.HasPrefix(name, ".")
}

// read returns the definitions of a file, none where it has an error.
func (v *converter) read(path string) []convert.Definition {
	f, ok := convert.FormatOf(path)
	if v.from != "" {
		f, ok = convert.ParseFormat(v.from)
	}
	if !ok {
		v.fault(path, fmt.Errorf("the ending of the name is not that of a format; want --from FORMAT (%s)", readFormatWords()))
		return nil
	}
	data, err := readInput(v.c.Context, path)
	if err != nil {
		v.fault(path, err)
		return nil
	}
	definitions, findings := convert.Decode(f, path, data, source.HostName())
	v.report(findings)
	if findings.Err() != nil {
		return nil
	}
	return definitions
}

// readInput reads a file or, to the same limit, the standard input. The error is that of ctx if it ends before the input.
func readInput(ctx context.Context, path string) ([]byte, error) {
	if path != stdin {
		return source.ReadFile(path)
	}
	var data []byte
	var err error
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		data, err = source.ReadAll(os.Stdin)
	}()
	select {
	case <-ended:
		return data, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// definitions returns those of all files.
func (v *converter) definitions() []convert.Definition {
	var all []convert.Definition
	for _, path := range v.files() {
		all = append(all, v.read(path)...)
	}
	return all
}

// toStdout prints all definitions as one file, where the format can hold them in one.
func (v *converter) toStdout() error {
	all := v.definitions()
	if len(all) == 0 {
		return nil
	}
	data, findings := convert.EncodeTogether(v.to, all, source.HostName())
	v.report(findings)
	return document(v.c.App.Writer, data)
}

// toDirectory writes what becomes of all definitions into dir.
func (v *converter) toDirectory(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	files, findings := convert.Encode(v.to, v.definitions(), source.HostName())
	v.report(findings)
	for _, f := range files {
		target := filepath.Join(dir, f.Name)
		if err := writeFile(target, f.Data, v.c.Bool("force")); err != nil {
			v.fault(target, err)
			continue
		}
		escape.Fprintf(v.c.App.Writer, "%s\n", target)
	}
	return nil
}

// writeFile writes a file whole or not at all: under a temporary name first. Unless force is set, it leaves a file
// that exists alone.
func writeFile(path string, data []byte, force bool) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".announcer-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(data)
	err = errors.Join(err, tmp.Chmod(0o644), tmp.Sync(), tmp.Close())
	if err != nil {
		return err
	}
	if force {
		return os.Rename(tmp.Name(), path)
	}
	// A link, unlike a rename, fails where the name exists.
	if err := os.Link(tmp.Name(), path); errors.Is(err, fs.ErrExist) {
		return errors.New("it exists; want --force to overwrite it")
	} else if err != nil {
		return err
	}
	return nil
}

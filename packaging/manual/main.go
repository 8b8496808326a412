// Command manual prints a manual page as roff. It is written in Markdown, whose first line has DATE in place of the date. A
// line "INCLUDE FILE" is replaced by that file, and a line "SECTION FILE HEADING" by the text below that heading of the
// second level in that file. The page fits a terminal of 80 columns: a table becomes a list, and long lines of code are
// folded.
//
//	manual 2026-11-27 docs/man/announcer.8.md
package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/cpuguy83/go-md2man/v2/md2man"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: manual DATE FILE")
		os.Exit(2)
	}
	text, err := assemble(os.Args[2], os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "manual:", err)
		os.Exit(1)
	}
	os.Stdout.Write(md2man.Render([]byte(text)))
}

// assemble returns the Markdown of a page with everything in it.
func assemble(name, date string) (string, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	first, rest, _ := strings.Cut(string(text), "\n")
	page := []string{strings.Replace(first, "DATE", date, 1)}
	for i, line := range strings.Split(rest, "\n") {
		lines, err := replace(line)
		if err != nil {
			return "", fmt.Errorf("%s:%d: %w", name, i+2, err)
		}
		page = append(page, lines...)
	}
	page, err = tables(page)
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return strings.Join(foldCode(page), "\n"), nil
}

// replace returns the lines that stand for a line.
func replace(line string) ([]string, error) {
	switch words := strings.SplitN(line, " ", 3); {
	case words[0] == "INCLUDE" && len(words) == 2:
		return include(words[1])
	case words[0] == "SECTION" && len(words) == 3:
		return section(words[1], words[2])
	}
	return []string{line}, nil
}

// codeIndent is the indentation of lines that are code in Markdown.
const codeIndent = "    "

// include returns a file as code.
func include(name string) ([]string, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	for i := range lines {
		lines[i] = codeIndent + lines[i]
	}
	return lines, nil
}

var step = regexp.MustCompile(`^([0-9]+)\. `)

// section returns the lines of a file below a heading of the second level, up to the next one. Steps become paragraphs: what is
// in them is no longer indented.
func section(name, heading string) ([]string, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	_, below, found := strings.Cut(string(text), "\n## "+heading+"\n")
	if !found {
		return nil, fmt.Errorf("%s has no heading %q", name, heading)
	}
	below, _, _ = strings.Cut(below, "\n## ")
	lines := strings.Split(strings.TrimSpace(below), "\n")
	for i, line := range lines {
		lines[i] = step.ReplaceAllString(strings.TrimPrefix(line, "   "), `$1\. `)
	}
	return lines, nil
}

// tables makes lists of tables with two columns: a table can't be folded to fit a terminal.
func tables(lines []string) (page []string, err error) {
	for i := 0; i < len(lines); i++ {
		if !strings.HasPrefix(lines[i], "|") {
			page = append(page, lines[i])
			continue
		}
		for i += 2; i < len(lines) && strings.HasPrefix(lines[i], "|"); i++ { // after the header
			cells := strings.Split(strings.Trim(lines[i], "| "), " | ")
			if len(cells) != 2 {
				return nil, fmt.Errorf("a table with %d columns; want 2: %s", len(cells), lines[i])
			}
			page = append(page, cells[0], ":   "+cells[1], "")
		}
		i--
	}
	return page, nil
}

package diag

import (
	"fmt"
	"strings"
)

const (
	// MaxFindings is the most findings of one severity that a [Collector] keeps.
	MaxFindings = 100

	maxText = 1000 // bytes of a text; more is data from the file
)

// Collector collects the findings of one file. Of each severity it keeps the first [MaxFindings], and counts the others.
type Collector struct {
	file  string
	kept  Findings
	count [Severities]int
}

// Collect returns a collector for a file.
func Collect(file string) *Collector { return &Collector{file: file} }

// Add adds a finding of a severity. It calls finding for the place and the text only if the finding is kept.
func (c *Collector) Add(severity Severity, finding func() Finding) {
	if c.count[severity]++; c.count[severity] > MaxFindings {
		return
	}
	f := finding()
	f.File, f.Severity, f.Element, f.Text = c.file, severity, Clip(f.Element), Clip(f.Text)
	c.kept = append(c.kept, f)
}

// Addf adds a finding without a code.
func (c *Collector) Addf(severity Severity, line int, element, format string, args ...any) {
	c.Add(severity, func() Finding { return Finding{Line: line, Element: element, Text: fmt.Sprintf(format, args...)} })
}

// Errors returns the number of findings that are an [Error], including those that are not kept.
func (c *Collector) Errors() int { return c.count[Error] }

// List returns the findings that are kept in the order of [Findings.Sort]. If there are others, a finding for each
// severity reports how many.
func (c *Collector) List() Findings {
	list := append(Findings(nil), c.kept...)
	list.Sort()
	for severity, n := range c.count {
		if more := n - MaxFindings; more > 0 {
			s := Severity(severity)
			list = append(list, Finding{File: c.file, Severity: s, More: more, Text: fmt.Sprintf("and %d more %s; the first %d are shown", more, plural(s, more), MaxFindings)})
		}
	}
	return list
}

func plural(s Severity, n int) string {
	if n == 1 {
		return s.String()
	}
	return s.String() + "s"
}

// Clip cuts the middle out of a text that is too long to be read.
func Clip(text string) string {
	if len(text) <= maxText {
		return text
	}
	return strings.ToValidUTF8(text[:maxText/2], "") + " [...] " + strings.ToValidUTF8(text[len(text)-maxText/2:], "")
}

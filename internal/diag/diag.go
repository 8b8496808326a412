// Package diag holds findings in files that users write: a text with file, line and column.
package diag

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"announcer/internal/escape"
)

// Severity is the severity of a finding.
type Severity uint8

// The severities, the least first. Each one has a consequence of its own.
const (
	Warning Severity = iota // it works, but hardly as it was meant
	Danger                  // a warning: it is used as it is, and takes phones off their server
	Unfit                   // an error: it is used as it is, and what it is for can't take it
	Error                   // an error: it is not used
)

// Severities is the number of severities.
const Severities = int(Error) + 1

// String returns the word that stands in messages and JSON: "warning" or "error".
func (s Severity) String() string {
	if s < Unfit {
		return "warning"
	}
	return "error"
}

// MarshalText returns the word of [Severity.String].
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Finding is one thing that is wrong with a file.
type Finding struct {
	File     string   `json:"file,omitempty"`
	Line     int      `json:"line,omitempty"`    // from 1; 0 if the whole file is meant
	Column   int      `json:"column,omitempty"`  // from 1, in bytes; 0 if only the line is known
	Element  string   `json:"element,omitempty"` // "<port>" in XML, "port" in TOML
	Severity Severity `json:"severity"`
	Code     string   `json:"code,omitempty"` // a stable name of the rule, such as "phones/sip-url", for programs that look for it
	Text     string   `json:"text"`           // what is wrong; what would be right
	More     int      `json:"more,omitempty"` // this stands for so many findings that are not listed
}

// String returns "file:line:col: <element>: what is wrong; what would be right", with "warning: " before the text of
// a warning, and the code, if there is one, in brackets at the end. It is one line: see [escape.Text].
func (f Finding) String() string {
	var b strings.Builder
	if place := f.Place(); place != "" {
		b.WriteString(place + ": ")
	}
	if f.Element != "" {
		b.WriteString(f.Element + ": ")
	}
	if f.Severity < Unfit {
		b.WriteString("warning: ")
	}
	b.WriteString(f.Text)
	if f.Code != "" {
		b.WriteString(" [" + f.Code + "]")
	}
	return escape.Text(b.String())
}

// Place returns "file:line:col", as far as each is known.
func (f Finding) Place() string {
	place := f.File
	for _, n := range []int{f.Line, f.Column} {
		if n == 0 {
			break
		}
		place += ":" + strconv.Itoa(n)
	}
	return place
}

// Findings are the findings of one file or of many.
type Findings []Finding

// Error joins the lines, so that findings can travel as an error.
func (fs Findings) Error() string {
	lines := make([]string, len(fs))
	for i, f := range fs {
		lines[i] = f.String()
	}
	return strings.Join(lines, "\n")
}

// Errors returns the findings that are called errors: [Unfit] and [Error].
func (fs Findings) Errors() Findings { return fs.from(Unfit, Error) }

// Warnings returns the findings that are called warnings: [Warning] and [Danger].
func (fs Findings) Warnings() Findings { return fs.from(Warning, Danger) }

// Problems returns the findings that are more than a hint: [Danger], [Unfit] and [Error].
func (fs Findings) Problems() Findings { return fs.from(Danger, Error) }

// from returns the findings whose severity is in a range.
func (fs Findings) from(least, most Severity) Findings {
	var found Findings
	for _, f := range fs {
		if least <= f.Severity && f.Severity <= most {
			found = append(found, f)
		}
	}
	return found
}

// Count returns the number of findings, including those that are not listed.
func (fs Findings) Count() int {
	n := len(fs)
	for _, f := range fs {
		if f.More > 0 {
			n += f.More - 1
		}
	}
	return n
}

// Err returns the findings that keep a file from being used, those that are an [Error], as an error; nil if there are
// none.
func (fs Findings) Err() error {
	if errs := fs.from(Error, Error); len(errs) > 0 {
		return errs
	}
	return nil
}

// Sort puts the findings in the order in which a person reads: by file, line, column; where these are the same,
// as they were found.
func (fs Findings) Sort() {
	slices.SortStableFunc(fs, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// DidYouMean returns "; did you mean WORD?" for the candidate that is [Nearest] to what was written, "" for none.
func DidYouMean(wrote string, candidates []string) string {
	if word := Nearest(wrote, candidates); word != "" {
		return "; did you mean " + word + "?"
	}
	return ""
}

// Nearest returns the candidate that is nearest to what was written, "" if none is near enough to be meant.
func Nearest(wrote string, candidates []string) string {
	if len(wrote) > 100 {
		return "" // no word, and comparing it would take long
	}
	best, bestDistance := "", 3
	for _, c := range candidates {
		d := distance(strings.ToLower(wrote), strings.ToLower(c))
		if len(wrote) >= 3 && strings.HasPrefix(strings.ToLower(c), strings.ToLower(wrote)) {
			d = 1 // "host" means "host-name"
		}
		// A third of the word may be mistyped: "por" may be port, "foo" is not "to".
		if d < bestDistance && d*3 <= max(len(c), 3) {
			best, bestDistance = c, d
		}
	}
	return best
}

// distance counts the letters to insert, drop, change or swap with a neighbour to get from a to b (optimal string
// alignment).
func distance(a, b string) int {
	s, t := []rune(a), []rune(b)
	rows := make([][]int, len(s)+1)
	for i := range rows {
		rows[i] = make([]int, len(t)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(s); i++ {
		for j := 1; j <= len(t); j++ {
			cost := 1
			if s[i-1] == t[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && s[i-1] == t[j-2] && s[i-2] == t[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(s)][len(t)]
}

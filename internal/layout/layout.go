// Package layout fits text into the columns of a terminal.
package layout

import (
	"iter"
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// Width returns the number of columns that text takes: two for a wide character (Unicode Standard Annex #11), none for a
// combining or invisible one.
func Width(text string) int {
	columns := 0
	for _, r := range text {
		columns += runeWidth(r)
	}
	return columns
}

func runeWidth(r rune) int {
	if r < unicode.MaxASCII {
		return 1
	}
	if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// Wrap breaks text at spaces into lines of at most so many columns. A word that is longer is broken behind punctuation, or
// else anywhere. It returns at least one line.
func Wrap(text string, columns int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && Width(line)+1+Width(word) <= columns {
			line += " " + word
			continue
		}
		if line != "" {
			lines = append(lines, line)
		}
		for line = word; Width(line) > columns; {
			head, rest := breakWord(line, columns)
			if rest == "" {
				break // one character
			}
			lines = append(lines, head)
			line = rest
		}
	}
	return append(lines, line)
}

// breakWord divides a word that is wider than so many columns. The first part has at least one character.
func breakWord(word string, columns int) (head, rest string) {
	end, used := 0, 0 // in bytes, in columns
	behind := 0       // the last punctuation
	for i, r := range word {
		used += runeWidth(r)
		if used > columns && i > 0 {
			break
		}
		end = i + len(string(r))
		if isPunctuation(r) {
			behind = end
		}
	}
	if behind > 0 {
		end = behind
	}
	return word[:end], word[end:]
}

// pieces returns the parts of a word, each of which ends with punctuation, or with the word.
func pieces(word string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for word != "" {
			end := strings.IndexFunc(word, isPunctuation) + 1
			if end == 0 {
				end = len(word)
			}
			if !yield(word[:end]) {
				return
			}
			word = word[end:]
		}
	}
}

// isPunctuation reports whether a word may be broken behind a character.
func isPunctuation(r rune) bool { return strings.ContainsRune("/,;=", r) }

package main

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// codeWidth is the number of columns that code has on a terminal of 80: a formatter indents it by 7.
const codeWidth = 73

// foldCode folds the lines of code, which no formatter does.
func foldCode(lines []string) (page []string) {
	for len(lines) > 0 {
		indent, n := codeIndent, 0
		if strings.HasPrefix(lines[0], "```") {
			page, lines, indent = append(page, lines[0]), lines[1:], ""
			for n < len(lines) && !strings.HasPrefix(lines[n], "```") {
				n++
			}
		} else {
			for n < len(lines) && strings.HasPrefix(lines[n], codeIndent) {
				n++
			}
		}
		page = append(page, foldBlock(lines[:n], indent)...)
		if lines = lines[n:]; len(lines) > 0 {
			page, lines = append(page, lines[0]), lines[1:]
		}
	}
	return page
}

// foldBlock folds lines of code that are indented. A comment is filled again as a whole, if a line of it is too long.
func foldBlock(block []string, indent string) (folded []string) {
	for i := range block {
		block[i] = strings.TrimPrefix(block[i], indent)
	}
	for len(block) > 0 {
		n := paragraph(block)
		if n == 0 {
			folded, block = append(folded, foldLine(block[0])...), block[1:]
			continue
		}
		folded, block = append(folded, fillComment(block[:n])...), block[n:]
	}
	for i := range folded {
		folded[i] = indent + folded[i]
	}
	return folded
}

var (
	comment = regexp.MustCompile(`^ *# +`)
	// item is the start of a comment that explains a word; the lines that follow it stand below the explanation.
	item = regexp.MustCompile(`^ *# +\S+  +`)
)

// hang returns how far the lines of a paragraph are indented that follow its first one, 0 if that is no comment.
func hang(line string) int {
	return max(len(comment.FindString(line)), len(item.FindString(line)))
}

// paragraph returns the number of lines of the paragraph of a comment that the block starts with.
func paragraph(block []string) (n int) {
	wide := hang(block[0])
	if wide == 0 {
		return 0
	}
	for n = 1; n < len(block) && len(comment.FindString(block[n])) == wide && !item.MatchString(block[n]); n++ {
	}
	return n
}

// fillComment fills the lines of a paragraph of a comment, unless all are short enough.
func fillComment(lines []string) (filled []string) {
	var text []string
	long := false
	for i, line := range lines {
		long = long || utf8.RuneCountInString(line) > codeWidth
		start := hang(lines[0])
		if i > 0 {
			start = len(comment.FindString(line))
		}
		text = append(text, strings.Fields(line[start:])...)
	}
	if !long {
		return lines
	}
	first := lines[0][:hang(lines[0])]
	sign := strings.Index(first, "#") + 1
	next := first[:sign] + strings.Repeat(" ", len(first)-sign)
	line := first
	for _, word := range text {
		if line != first && line != next {
			if utf8.RuneCountInString(line+" "+word) > codeWidth {
				filled, line = append(filled, line), next
			} else {
				line += " "
			}
		}
		line += word
	}
	return append(filled, line)
}

// foldLine folds a line at spaces. A line without one has less indentation.
func foldLine(line string) (folded []string) {
	indent := line[:len(line)-len(strings.TrimLeft(line, " "))]
	more := ""
	if strings.HasPrefix(line, "$ ") {
		more = ` \`
	}
	for runes := []rune(line); len(runes) > codeWidth; runes = []rune(line) {
		cut := strings.LastIndex(string(runes[:codeWidth+1-len(more)]), " ")
		head := strings.TrimRight(line[:max(cut, 0)], " ")
		if strings.TrimSpace(head) == "" || head == "$" {
			line = strings.Repeat(" ", max(0, codeWidth-utf8.RuneCountInString(strings.TrimLeft(line, " ")))) + strings.TrimLeft(line, " ")
			break
		}
		folded = append(folded, head+more)
		line = indent + codeIndent + strings.TrimLeft(line[cut:], " ")
	}
	return append(folded, line)
}

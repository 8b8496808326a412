package layout

import (
	"fmt"
	"io"
	"strings"

	"announcer/internal/escape"
)

const (
	gap      = 2  // columns between those of a table
	leastFit = 10 // columns of text that a table leaves to each column, if it has as many
)

// Table writes rows below headings, which spaces separate, with each column as wide as its widest cell. A table that is
// wider than so many columns of the terminal is narrowed, the widest column first, between words rather than within them: a
// cell that no longer fits takes several lines. There is no limit if columns is 0.
// Cells are written as [escape.Text] returns them.
func Table(w io.Writer, columns int, headings string, rows [][]string) error {
	all := [][]string{strings.Fields(headings)}
	for _, row := range rows {
		all = append(all, escaped(row))
	}
	widths := natural(all)
	if columns > 0 {
		narrow(widths, columns, longestPieces(all, len(widths)))
		narrow(widths, columns, make([]int, len(widths)))
	}
	var b strings.Builder
	for _, row := range all {
		writeRow(&b, widths, row)
	}
	_, err := fmt.Fprint(w, b.String())
	return err
}

func escaped(row []string) []string {
	cells := make([]string, len(row))
	for i, cell := range row {
		cells[i] = escape.Text(cell)
	}
	return cells
}

// natural returns the width of the widest cell of each column.
func natural(rows [][]string) []int {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], Width(cell))
		}
	}
	return widths
}

// narrow takes from the widest column that is wider than its least width, and than leastFit, until all fit or none is.
func narrow(widths []int, columns int, least []int) {
	total := gap * (len(widths) - 1)
	for _, n := range widths {
		total += n
	}
	for ; total > columns; total-- {
		widest := -1
		for i, n := range widths {
			if n > max(least[i], leastFit) && (widest < 0 || n > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return
		}
		widths[widest]--
	}
}

// longestPieces returns the width of the longest part in each column that should not be broken.
func longestPieces(rows [][]string, columns int) []int {
	longest := make([]int, columns)
	for _, row := range rows {
		for i, cell := range row {
			for _, word := range strings.Fields(cell) {
				for piece := range pieces(word) {
					longest[i] = max(longest[i], Width(piece))
				}
			}
		}
	}
	return longest
}

// writeRow writes a row, on as many lines as its highest cell.
func writeRow(b *strings.Builder, widths []int, row []string) {
	cells := make([][]string, len(row))
	lines := 1
	for i, cell := range row {
		cells[i] = fit(cell, widths[i])
		lines = max(lines, len(cells[i]))
	}
	for n := range lines {
		line := ""
		at := 0
		for i, cell := range cells {
			if n < len(cell) {
				line += strings.Repeat(" ", at-Width(line)) + cell[n]
			}
			at += widths[i] + gap
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
}

// fit returns a cell as it is, if it fits, or else on several lines.
func fit(cell string, columns int) []string {
	if Width(cell) <= columns {
		return []string{cell}
	}
	return Wrap(cell, columns)
}

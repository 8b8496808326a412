package web

import (
	"fmt"
	"strconv"

	"announcer/internal/status"
)

// chart is a drawing of the last hour: two lines in a coordinate system of pixels, which is stretched to the width of the page,
// and marks at its edges, whose text is not stretched.
type chart struct {
	Width, Height int
	Questions     string // the points of the lines
	Answers       string
	Levels        []mark // numbers of packets a minute, the highest first
	Times         []mark
	Text          string // the same for a screen reader
}

// mark is a text at the edge of a chart.
type mark struct {
	At    string // percent from the left or the top of the drawing
	Text  string
	Side  string // how the text stands there: "left", "middle" or "right" aligned
	Shift int    // pixels from the line of a level down to that of its text
}

const (
	chartMinutes = 60
	minuteWidth  = 10
	chartHeight  = 120
	plotPart     = 85 // percent of the height of the drawing that the lines take; below them are the times
)

// draw draws the questions and answers of the last hour, the newest at the right.
func draw(history []status.Minute) chart {
	c := chart{Width: (chartMinutes - 1) * minuteWidth, Height: chartHeight, Times: times()}
	var questions, answers, most uint64
	for _, m := range history {
		most = max(most, m.Questions, m.Answers)
		questions += m.Questions
		answers += m.Answers
	}
	top := topLevel(most)
	c.Levels = levels(top)
	if len(history) == 1 {
		history = append(history, history[0]) // a line of one point is not drawn
	}
	first := chartMinutes - len(history)
	for i, m := range history {
		x := strconv.Itoa((first+i)*minuteWidth) + ","
		c.Questions += x + height(m.Questions, top) + " "
		c.Answers += x + height(m.Answers, top) + " "
	}
	c.Text = fmt.Sprintf("questions: %d, answers: %d in the last hour; at most %d a minute", questions, answers, most)
	return c
}

func height(n, top uint64) string {
	return strconv.FormatFloat(chartHeight*(1-float64(n)/float64(top)), 'f', 1, 64)
}

// topLevel returns a round even number that is at least most.
func topLevel(most uint64) uint64 {
	for unit := uint64(1); ; unit *= 10 {
		for _, n := range []uint64{2, 4, 10} {
			if n*unit >= most {
				return n * unit
			}
		}
	}
}

// levels returns marks for the top of a chart, the middle and zero.
func levels(top uint64) []mark {
	const below, above = 14, -4 // the line
	return []mark{
		{At: "0", Text: strconv.FormatUint(top, 10) + " a minute", Shift: below},
		{At: strconv.FormatFloat(plotPart/2.0, 'f', 1, 64), Text: strconv.FormatUint(top/2, 10), Shift: above},
		{At: strconv.Itoa(plotPart), Text: "0", Shift: above},
	}
}

// times returns marks for each quarter of the hour.
func times() []mark {
	return []mark{
		{At: "0", Text: "1 hour ago", Side: "left"},
		{At: "25", Text: "45 min", Side: "middle"},
		{At: "50", Text: "30 min", Side: "middle"},
		{At: "75", Text: "15 min", Side: "middle"},
		{At: "100", Text: "now", Side: "right"},
	}
}

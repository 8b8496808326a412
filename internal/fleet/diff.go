package fleet

import "strings"

// around is how many lines stand around a difference.
const around = 2

// mostCells bounds the work of finding which lines two texts share; over it, all lines between their common ends differ.
const mostCells = 4 << 20

// Diff returns the lines in which an edit changes a text: "-" in front of those that go, "+" of those that come, and a
// blank of those around them.
func (e Edit) Diff() []string {
	lines := compare(lines(e.Old), lines(e.New))
	near := make([]bool, len(lines))
	for i, line := range lines {
		if line[0] == ' ' {
			continue
		}
		for j := max(0, i-around); j <= min(i+around, len(lines)-1); j++ {
			near[j] = true
		}
	}
	var shown []string
	for i, line := range lines {
		switch {
		case near[i]:
			shown = append(shown, line)
		case i > 0 && near[i-1]:
			shown = append(shown, " …")
		}
	}
	return shown
}

func lines(data []byte) []string {
	if len(data) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
}

// compare returns the lines of both texts, each with its mark.
func compare(a, b []string) []string {
	head := 0
	for head < min(len(a), len(b)) && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < min(len(a), len(b))-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	all := marked(nil, " ", a[:head])
	all = between(all, a[head:len(a)-tail], b[head:len(b)-tail])
	return marked(all, " ", a[len(a)-tail:])
}

func marked(all []string, mark string, lines []string) []string {
	for _, line := range lines {
		all = append(all, mark+line)
	}
	return all
}

// between appends the lines of two texts, those once that are in a longest common subsequence.
func between(all, a, b []string) []string {
	if len(a)*len(b) > mostCells {
		return marked(marked(all, "-", a), "+", b)
	}
	common := commonLengths(a, b)
	for len(a) > 0 && len(b) > 0 {
		i, j := len(common)-1-len(a), len(common[0])-1-len(b)
		switch {
		case a[0] == b[0]:
			all, a, b = append(all, " "+a[0]), a[1:], b[1:]
		case common[i+1][j] >= common[i][j+1]:
			all, a = append(all, "-"+a[0]), a[1:]
		default:
			all, b = append(all, "+"+b[0]), b[1:]
		}
	}
	return marked(marked(all, "-", a), "+", b)
}

// commonLengths returns for each pair of lines how many lines the texts share from there on.
func commonLengths(a, b []string) [][]int {
	common := make([][]int, len(a)+1)
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			common[i][j] = max(common[i+1][j], common[i][j+1])
			if a[i] == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			}
		}
	}
	return common
}

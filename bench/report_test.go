//go:build linux

package bench

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestInsert(t *testing.T) {
	r := &tables{}
	one := r.row("an answer", 1, "µs", times(1.5))
	one.set("floor", 10)
	one.set("announcer", 15.25)
	one.fails("brutella", "never")
	two := r.row("a start", 1, "ms", ofAvahi(0.5))
	two.set("avahi", 100)
	two.set("announcer", 50)
	const old = "# Head\n" + begin + "old\n" + end + "tail\n"
	file := write(t, t.TempDir(), "performance.md", old)
	if err := insert(file, r); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got := string(text)
	for _, want := range []string{
		"# Head\n" + begin + "Measured on ", end + "tail\n",
		"| an answer | 1 | µs | 10.0 |  |  | never | 15.2 | 1.5 |  | ≤ 1.5 × floor | not met |\n" +
			"| a start | 1 | ms |  | 100 |  |  | 50.0 |  | 0.5 | ≤ 0.5 × Avahi | met |\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("there is no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "old") {
		t.Errorf("the old table is still there:\n%s", got)
	}
	if err := insert(write(t, t.TempDir(), "other.md", "text"), r); err == nil {
		t.Error("no error where there is no place for the tables")
	}
}

// tables are what was measured.
type tables struct {
	scale scale
	rows  []*row
}

// row is one thing that was measured of every responder.
type row struct {
	what     string
	services int
	unit     string
	bar      bar
	values   map[string]float64 // by responder
	failures map[string]string  // instead of a value
}

func (r *tables) row(what string, services int, unit string, b bar) *row {
	row := &row{what, services, unit, b, map[string]float64{}, map[string]string{}}
	r.rows = append(r.rows, row)
	return row
}

func (r *row) set(name string, value float64) { r.values[name] = value }

// least keeps the smallest value.
func (r *row) least(name string, value float64) {
	if old, ok := r.values[name]; !ok || value < old {
		r.values[name] = value
	}
}

// greatest keeps the largest value.
func (r *row) greatest(name string, value float64) { r.values[name] = max(value, r.values[name]) }

func (r *row) fails(name, how string) { r.failures[name] = how }

// bar is the limit for announcer's value.
type bar struct {
	floors float64 // at most so many times the floor's
	of     *row    // of the floor's value in another row
	avahis float64 // at most so many times Avahi's
	most   float64
	least  float64
}

var none bar

func times(n float64) bar   { return bar{floors: n} }
func ofAvahi(n float64) bar { return bar{avahis: n} }
func most(n float64) bar    { return bar{most: n} }
func least(n float64) bar   { return bar{least: n} }

// barText returns the bar of a row, "" if it has none.
func (r *row) barText() string {
	switch b := r.bar; {
	case b.of != nil:
		return fmt.Sprintf("≤ %g × floor at a response", b.floors)
	case b.floors > 0:
		return fmt.Sprintf("≤ %g × floor", b.floors)
	case b.avahis > 0:
		return fmt.Sprintf("≤ %g × Avahi", b.avahis)
	case b.most > 0:
		return fmt.Sprintf("≤ %g", b.most)
	case b.least > 0:
		return fmt.Sprintf("≥ %g", b.least)
	}
	return ""
}

// verdict reports whether announcer meets the bar, "" if there is none.
func (r *row) verdict() string {
	value, limit := r.values["announcer"], r.bar.most
	switch b := r.bar; {
	case b == none:
		return ""
	case b.of != nil:
		limit = b.floors * b.of.values["floor"]
	case b.floors > 0:
		limit = b.floors * r.values["floor"]
	case b.avahis > 0:
		limit = b.avahis * r.values["avahi"]
	case b.least > 0:
		value, limit = -value, -b.least
	}
	if value <= limit {
		return "met"
	}
	return "not met"
}

// ratio compares announcer with another responder.
func (r *row) ratio(name string) string {
	if other := r.values[name]; other > 0 && r.bar.least == 0 {
		return fmt.Sprintf("%.2g", r.values["announcer"]/other)
	}
	return ""
}

func (r *row) cell(name string) string {
	if how, ok := r.failures[name]; ok {
		return how
	}
	value, ok := r.values[name]
	switch {
	case !ok:
		return ""
	case r.unit == "" || value >= 100:
		return fmt.Sprintf("%.0f", value)
	}
	return fmt.Sprintf("%.1f", value)
}

// String returns the tables as Markdown.
func (r *tables) String() string {
	var b strings.Builder
	libraries := strings.ReplaceAll(said("go", "list", "-m", "github.com/grandcat/zeroconf", "github.com/brutella/dnssd"), "\n", "; ")
	fmt.Fprintf(&b, "%s\n\n", surroundings(said("avahi-daemon", "--version"), libraries))
	fmt.Fprintf(&b, "| | services | unit | %s | × floor | × Avahi | bar | |\n", strings.Join(contestants, " | "))
	fmt.Fprintf(&b, "|---|--:|---%s|---|---|---|---|\n", strings.Repeat("|--:", len(contestants)))
	for _, row := range r.rows {
		fmt.Fprintf(&b, "| %s | %d | %s ", row.what, row.services, row.unit)
		for _, name := range contestants {
			fmt.Fprintf(&b, "| %s ", row.cell(name))
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", row.ratio("floor"), row.ratio("avahi"), row.barText(), row.verdict())
	}
	return b.String()
}

// check fails where a number of announcer or the floor is missing. Whether a bar is met is not its business, since
// that takes a quiet machine.
func (r *tables) check(t *testing.T) {
	for _, row := range r.rows {
		if _, ok := row.values["announcer"]; !ok || row.failures["announcer"] != "" {
			t.Errorf("%s: announcer has no value; it says %q", row.what, row.failures["announcer"])
		}
		if row.bar.floors > 0 && row.values["floor"] <= 0 {
			t.Errorf("%s: the floor has no value", row.what)
		}
	}
}

// surroundings reports where and with what it was measured.
func surroundings(with ...string) string {
	var uname unix.Utsname
	unix.Uname(&uname)
	return fmt.Sprintf("Measured on %s with %d processors, load average %s, Linux %s, %s; %s.", processor(), runtime.NumCPU(),
		loadAverage(), unix.ByteSliceToString(uname.Release[:]), runtime.Version(), strings.Join(with, "; "))
}

// loadAverage returns the number of threads that wanted to run, in the last 1, 5 and 15 minutes: those of the
// measurement, which are one or two, and all others.
func loadAverage() string {
	text, _ := os.ReadFile("/proc/loadavg")
	return strings.Join(strings.Fields(string(text))[:3], ", ")
}

func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	_, rest, _ := strings.Cut(string(text), "model name\t: ")
	model, _, _ := strings.Cut(rest, "\n")
	return model
}

func said(program string, args ...string) string {
	out, _ := exec.Command(program, args...).Output()
	return strings.TrimSpace(string(out))
}

// The tables stand between these lines of the file.
const (
	begin = "<!-- measured: begin -->\n"
	end   = "<!-- measured: end -->\n"
)

// insert replaces the tables in a file.
func insert(file string, tables fmt.Stringer) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	head, rest, ok := bytes.Cut(text, []byte(begin))
	_, tail, ok2 := bytes.Cut(rest, []byte(end))
	if !ok || !ok2 {
		return fmt.Errorf("%s: there is no place for the tables; want one between the lines %q and %q", file, begin, end)
	}
	return os.WriteFile(file, fmt.Appendf(nil, "%s%s%s%s%s", head, begin, tables, end, tail), 0o644)
}

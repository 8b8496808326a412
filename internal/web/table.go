package web

import (
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"announcer/internal/dnsname"
	"announcer/internal/escape"
)

// rowsOnce is the number of rows on one page of a table.
const rowsOnce = 100

// table is a table as the page shows it: the rows that match the search, in order, one page of them.
type table struct {
	ID, Title string
	Note      string // what is shown if there are no rows
	Columns   []column
	Rows      [][]cell
	Total     int // rows before the search
	Found     int // rows that match it
	Page      int // from 1
	Pages     int
	Back      string // the address of the page before, "" if there is none
	Forth     string // and after
	First     string // and of the first page
	Last      string // and of the last
	Rest      string // what is not in the table
}

// column is the heading of a column.
type column struct {
	Title string
	Kind  string // that of its cells, if they are numbers
	Link  string // the address of the page sorted by it, or the other way round
	Sort  string // "ascending", "descending", or "none": aria-sort
}

// cell is a value of a table.
type cell struct {
	Text  string
	Kind  string // the class for the style sheet: "ok", "bad", "wait", "number", "name", "type", "long", or none
	Bar   *bar   // if it is a part of a number
	Stamp string // if it is a moment that is shown: the time for programs
	Date  string // and for people

	time  time.Time // if it is a moment
	key   float64   // what a number or a moment is sorted by
	lower string    // the text in lower case, once it is sorted by
}

// A text can come from the network or a file: what would not be text is escaped.
func text(s string) cell        { return cell{Text: escape.Text(s)} }
func name(s string) cell        { return state(s, "name") }
func kind(n dnsname.Name) cell  { return state(n.String(), "type") }
func long(s string) cell        { return state(s, "long") }
func state(s, kind string) cell { return cell{Text: escape.Text(s), Kind: kind} }

func number(n uint64) cell {
	return cell{Text: strconv.FormatUint(n, 10), Kind: "number", key: float64(n)}
}

// moment returns a time as how long ago it was.
func moment(t, now time.Time) cell {
	if t.IsZero() {
		return cell{}
	}
	return cell{Text: ago(now.Sub(t)), time: t, Kind: "number", key: float64(t.Unix())}
}

// ago returns a duration as people say it: "12 s", "5 min", "3 h", "4 d".
func ago(d time.Duration) string {
	switch {
	case d < 0:
		return "0 s"
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d d", int(d.Hours()/24))
}

// request is what a person wants to see: the query of the address.
type request struct{ url.Values }

// search is what all rows must contain.
func (r request) search() string { return strings.ToLower(strings.TrimSpace(r.Get("q"))) }

// with returns the table with a sentence about what it does not have.
func (t table) with(rest string) table {
	t.Rest = rest
	return t
}

// with returns the address with one parameter replaced that shows a table.
func (r request) with(id, key, value string) string {
	values := maps.Clone(r.Values)
	values.Set(key, value)
	return "?" + values.Encode() + "#" + id
}

// without returns a request without one parameter.
func (r request) without(key string) request {
	values := maps.Clone(r.Values)
	values.Del(key)
	return request{values}
}

// rows are the rows of a table, of which only those are made that are needed.
type rows struct {
	n  int
	at func(i int) []cell
}

// rowsOf returns a row for each of the values.
func rowsOf[T any](values []T, row func(T) []cell) rows {
	return rows{len(values), func(i int) []cell { return row(values[i]) }}
}

// table puts a table together. order is the number of the column by which the rows are in order, from 1; negative: the other
// way round; 0: by none. The request can name another.
func (r request) table(id, title, note string, titles []string, order int, all rows) table {
	t := table{ID: id, Title: title, Note: note, Total: all.n}
	sortKey, pageKey := "sort-"+id, "page-"+id
	natural := order
	if n, err := strconv.Atoi(r.Get(sortKey)); err == nil && n != 0 && max(n, -n) <= len(titles) {
		order = n
	}
	for i, title := range titles {
		n, sorted := i+1, "none"
		switch order {
		case i + 1:
			n, sorted = -(i + 1), "ascending"
		case -(i + 1):
			sorted = "descending"
		}
		t.Columns = append(t.Columns, column{Title: title, Link: r.without(pageKey).with(id, sortKey, strconv.Itoa(n)), Sort: sorted})
	}
	if search := r.search(); search != "" || order != natural {
		all = made(all, search, order)
	}
	t.Found, t.Pages = all.n, max(1, (all.n+rowsOnce-1)/rowsOnce)
	page, _ := strconv.Atoi(r.Get(pageKey))
	t.Page = min(max(page, 1), t.Pages)
	if t.Page > 1 {
		t.First, t.Back = r.with(id, pageKey, "1"), r.with(id, pageKey, strconv.Itoa(t.Page-1))
	}
	if t.Page < t.Pages {
		t.Forth, t.Last = r.with(id, pageKey, strconv.Itoa(t.Page+1)), r.with(id, pageKey, strconv.Itoa(t.Pages))
	}
	for i := (t.Page - 1) * rowsOnce; i < min(t.Page*rowsOnce, all.n); i++ {
		t.add(all.at(i))
	}
	return t
}

// add adds a row to what is shown.
func (t *table) add(row []cell) {
	t.Rows = append(t.Rows, row)
	for i := range row {
		c := &row[i]
		if c.Kind == "number" {
			t.Columns[i].Kind = c.Kind
		}
		if !c.time.IsZero() {
			c.Stamp, c.Date = c.time.Format(time.RFC3339), c.time.Format(time.DateTime)
		}
	}
}

// made returns the rows of which a cell contains what is searched for, sorted by a column as in [request.table].
func made(all rows, search string, order int) rows {
	var found [][]cell
	for i := range all.n {
		if row := all.at(i); matches(row, search) {
			found = append(found, row)
		}
	}
	if order != 0 {
		sortRows(found, order)
	}
	return rows{len(found), func(i int) []cell { return found[i] }}
}

func matches(row []cell, search string) bool {
	return slices.ContainsFunc(row, func(c cell) bool { return strings.Contains(strings.ToLower(c.Text), search) })
}

// sortRows sorts rows by the column of a number as in [request.table].
func sortRows(rows [][]cell, order int) {
	column, sign := max(order, -order)-1, 1
	if order < 0 {
		sign = -1
	}
	for _, row := range rows {
		row[column].lower = strings.ToLower(row[column].Text)
	}
	slices.SortStableFunc(rows, func(a, b []cell) int {
		return sign * cmp.Or(cmp.Compare(a[column].key, b[column].key), cmp.Compare(a[column].lower, b[column].lower))
	})
}

package recipes

import (
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// A query is a query of Prometheus, and what it takes from a daemon.
type query struct {
	where, text string
	metrics     []string // their names, except that of "up", which Prometheus makes
	labels      []string // by which it selects, groups and matches
}

// parse parses a query. where is its place.
func parse(t *testing.T, where, text string) query {
	t.Helper()
	q := query{where: where, text: text}
	expr, err := parser.ParseExpr(text)
	if err != nil {
		t.Fatalf("%s: %q: %v", where, text, err)
	}
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		switch n := node.(type) {
		case *parser.VectorSelector:
			if n.Name != "up" {
				q.metrics = append(q.metrics, n.Name)
			}
			for _, matcher := range n.LabelMatchers {
				if matcher.Name != labels.MetricName {
					q.labels = append(q.labels, matcher.Name)
				}
			}
		case *parser.AggregateExpr:
			q.labels = append(q.labels, n.Grouping...)
		case *parser.BinaryExpr:
			if n.VectorMatching != nil {
				q.labels = append(q.labels, n.VectorMatching.MatchingLabels...)
			}
		}
		return nil
	})
	return q
}

// targetLabels are those that Prometheus adds to each series of a target.
var targetLabels = []string{"job", "instance", "site"}

// missing returns the metrics and labels of a query that a daemon does not have.
func (q query) missing(daemon exposition) (names []string) {
	known := slices.Clone(targetLabels)
	for _, metric := range q.metrics {
		if _, ok := daemon[metric]; !ok {
			names = append(names, metric)
		}
		known = append(known, daemon[metric].labels...)
	}
	for _, label := range q.labels {
		if !slices.Contains(known, label) {
			names = append(names, label)
		}
	}
	return names
}

func TestQueriesThatAreWrong(t *testing.T) {
	daemon := exposition{"announcer_services": {labels: []string{"state"}}}
	for _, test := range []struct{ name, text, missing string }{
		{"right", `sum by (site, state) (announcer_services{job="announcer"}) unless on (instance) up`, ""},
		{"no such metric", `announcer_service`, "announcer_service"},
		{"no such label in a selector", `announcer_services{status="refused"}`, "status"},
		{"no such label in a group", `sum by (link) (announcer_services)`, "link"},
		{"no such label in a match", `announcer_services and on (link) up`, "link"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := strings.Join(parse(t, test.name, test.text).missing(daemon), " "); got != test.missing {
				t.Errorf("%q lacks %q, want %q", test.text, got, test.missing)
			}
		})
	}
}

package recipes

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// variables are what Grafana fills in.
var variables = strings.NewReplacer("$__rate_interval", "5m", "$site", ".*", "$instance", ".*")

// panel is the part of a panel that the tests look at.
type panel struct {
	Title, Type, Repeat, Description string
	Targets                          []struct{ Expr string }
}

func panels(t *testing.T) []panel {
	t.Helper()
	var board struct{ Panels []panel }
	if err := json.Unmarshal(read(t, "grafana", "announcer.json"), &board); err != nil {
		t.Fatal(err)
	}
	return board.Panels
}

// dashboardQueries returns the queries of the dashboard.
func dashboardQueries(t *testing.T) (all []query) {
	t.Helper()
	for _, p := range panels(t) {
		for i, target := range p.Targets {
			all = append(all, parse(t, fmt.Sprintf("%s, query %d", p.Title, i+1), variables.Replace(target.Expr)))
		}
	}
	return all
}

// TestDashboard wants Grafana's own types to accept every field of the dashboard.
func TestDashboard(t *testing.T) {
	plugins.RegisterDefaultPlugins()
	//lint:ignore SA1019 every Grafana imports this form, and few its successor
	var board dashboard.Dashboard
	read, valid := board.UnmarshalJSONStrict(read(t, "grafana", "announcer.json")), board.Validate()
	// The library returns an empty list of errors if there is none.
	if read != nil && read.Error() != "" || valid != nil && valid.Error() != "" {
		t.Error(read, valid)
	}
}

// TestDashboardFitsEveryGrafana wants each data source to be the variable, and each panel of one host in a row that is repeated.
func TestDashboardFitsEveryGrafana(t *testing.T) {
	var board any
	if err := json.Unmarshal(read(t, "grafana", "announcer.json"), &board); err != nil {
		t.Fatal(err)
	}
	sources := 0
	var walk func(value any)
	walk = func(value any) {
		switch v := value.(type) {
		case []any:
			for _, element := range v {
				walk(element)
			}
		case map[string]any:
			if source, ok := v["datasource"]; ok {
				sources++
				if fmt.Sprint(source) != "map[type:prometheus uid:${datasource}]" {
					t.Errorf("the data source is %v", source)
				}
			}
			for _, element := range v {
				walk(element)
			}
		}
	}
	walk(board)
	if sources < 20 {
		t.Errorf("%d data sources", sources)
	}
	all := panels(t)
	row := slices.IndexFunc(all, func(p panel) bool { return p.Type == "row" && p.Repeat == "instance" })
	if row < 0 || row == len(all)-1 {
		t.Fatal("no row is repeated for each host")
	}
	for i, p := range all {
		if p.Type != "row" && (p.Title == "" || !strings.HasSuffix(p.Description, ".")) {
			t.Errorf("panel %d has no title or description", i)
		}
		for _, target := range p.Targets {
			if strings.Contains(target.Expr, `instance="$instance"`) != (i > row) {
				t.Errorf("%s: a query is of one host if and only if it is below the row: %s", p.Title, target.Expr)
			}
		}
	}
}

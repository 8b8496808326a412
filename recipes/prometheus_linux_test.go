package recipes

import (
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// rules are the parts of a rule file that the tests look at.
type rules struct {
	Groups []struct {
		Rules []struct {
			Alert, Expr, For    string
			Labels, Annotations map[string]string
		}
	}
}

// alerts returns the rules of examples/prometheus.
func alerts(t *testing.T) rules {
	t.Helper()
	var all rules
	if err := yaml.Unmarshal(read(t, "prometheus", "announcer.rules.yml"), &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// ruleQueries returns the queries of the rules. Their labels include those that the texts of an alert show.
func ruleQueries(t *testing.T) (all []query) {
	t.Helper()
	shown := regexp.MustCompile(`\$labels\.(\w+)`)
	for _, group := range alerts(t).Groups {
		for _, rule := range group.Rules {
			q := parse(t, rule.Alert, rule.Expr)
			for _, text := range rule.Annotations {
				for _, m := range shown.FindAllStringSubmatch(text, -1) {
					q.labels = append(q.labels, m[1])
				}
			}
			all = append(all, q)
		}
	}
	return all
}

func TestPrometheusConfiguration(t *testing.T) {
	run(t, example(t, "prometheus"), "promtool", "check", "config", "prometheus.yml")
}

func TestRules(t *testing.T) {
	dir := example(t, "prometheus")
	run(t, dir, "promtool", "check", "rules", "--lint=all", "--lint-fatal", "announcer.rules.yml")
	run(t, dir, "promtool", "test", "rules", "announcer.rules_test.yml")
}

// TestRulesSayWhatToDo wants a severity, a summary and a description of each alert.
func TestRulesSayWhatToDo(t *testing.T) {
	for _, rule := range alerts(t).Groups[0].Rules {
		t.Run(rule.Alert, func(t *testing.T) {
			if s := rule.Labels["severity"]; s != "critical" && s != "warning" {
				t.Errorf("the severity is %q", s)
			}
			for name, least := range map[string]int{"summary": 3, "description": 15} {
				text := rule.Annotations[name]
				if len(strings.Fields(text)) < least || !strings.HasSuffix(text, ".") {
					t.Errorf("the %s is %q", name, text)
				}
			}
			if !regexp.MustCompile(`\b(Check|Correct|Stop|Withdraw|[Ss]ee|journalctl)\b`).MatchString(rule.Annotations["description"]) {
				t.Errorf("the description does not say what to do: %s", rule.Annotations["description"])
			}
		})
	}
}

// TestRulesAreTested wants each alert to fire in a case of the unit tests, and not to fire at another time of the same case.
func TestRulesAreTested(t *testing.T) {
	var file struct {
		Tests []struct {
			Checks []struct {
				Samples []struct{ Labels string } `yaml:"exp_samples"`
			} `yaml:"promql_expr_test"`
		}
	}
	if err := yaml.Unmarshal(read(t, "prometheus", "announcer.rules_test.yml"), &file); err != nil {
		t.Fatal(err)
	}
	name := regexp.MustCompile(`alertname="(\w+)"`)
	tested := map[string]bool{}
	for _, test := range file.Tests {
		fires := map[string]int{} // checks at which it does
		for _, check := range test.Checks {
			seen := map[string]bool{}
			for _, sample := range check.Samples {
				seen[name.FindStringSubmatch(sample.Labels)[1]] = true
			}
			for alert := range seen {
				fires[alert]++
			}
		}
		for alert, n := range fires {
			tested[alert] = tested[alert] || n < len(test.Checks)
		}
	}
	for _, rule := range alerts(t).Groups[0].Rules {
		if !tested[rule.Alert] {
			t.Errorf("no case has %s, and a time at which it does not fire", rule.Alert)
		}
	}
}

package status

import (
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"announcer/internal/diag"
	"announcer/internal/health"
	"announcer/internal/mdns"
	"announcer/internal/source"
)

const (
	scrapesAtOnce = 4
	scrapeTime    = 5 * time.Second
)

// metric is a number that is read off a status, for each combination of its labels.
type metric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	read func(s Status, add func(value float64, labels ...string))
}

func newMetric(kind prometheus.ValueType, name, help string, read func(Status, func(float64, ...string)), labels ...string) metric {
	return metric{prometheus.NewDesc("announcer_"+name, help, labels, nil), kind, read}
}

// metrics are all that there are. The values of their labels come from the configuration and from what is fixed here:
// a stranger on the network can't make more of them. A server of definitions names the revision, one at a time.
var metrics = []metric{
	newMetric(prometheus.GaugeValue, "build_info", "The running version, the commit that it was built from, the release of Go and the engine; always 1.", buildInfo,
		"version", "revision", "goversion", "engine"),
	newMetric(prometheus.GaugeValue, "healthy", "1 if there is no problem, else 0.", healthy),
	newMetric(prometheus.GaugeValue, "problems", "Problems, as announcer status lists them.", problems),
	newMetric(prometheus.GaugeValue, "findings", "Findings about the definitions, by severity.", findings, "severity"),
	newMetric(prometheus.GaugeValue, "refused_since_timestamp_seconds", "Time at which an error was first found in a refused file.", refusedSince, "file"),
	newMetric(prometheus.GaugeValue, "last_good_timestamp_seconds", "Time of the last good version of a refused file, which is in use.", lastGood, "file"),
	newMetric(prometheus.GaugeValue, "source_answers", "1 if the configuration file or place of definitions answers, else 0.", sourceAnswers, "source"),
	newMetric(prometheus.GaugeValue, "source_connected", "1 if the server of a place of definitions answered the last time, else 0.", sourceConnected, "source"),
	newMetric(prometheus.GaugeValue, "source_connected_since_timestamp_seconds", "Time since when the server of a place answers, or does not.", sourceSince, "source"),
	newMetric(prometheus.GaugeValue, "source_last_success_timestamp_seconds", "Time of the last answer of the server of a place.", sourceSuccess, "source"),
	newMetric(prometheus.GaugeValue, "source_revision_info", "The version of the last answer of the server of a place; always 1.", sourceRevision, "source", "revision"),
	newMetric(prometheus.GaugeValue, "source_files_refused", "Files of a place that have an error.", sourceRefused, "source"),
	newMetric(prometheus.GaugeValue, "services", "Services by state, counted once for each link.", servicesByState, "state"),
	newMetric(prometheus.GaugeValue, "check_up", "1 if the server of a definition answers, completely or in part, else 0.", checks, "file"),
	newMetric(prometheus.GaugeValue, "files_refused", "Definition files that have an error.", filesRefused),
	newMetric(prometheus.GaugeValue, "config_last_reload_successful", "1 if the configuration was valid when it was last read, else 0.", reloadOK),
	newMetric(prometheus.GaugeValue, "config_last_reload_success_timestamp_seconds", "Time at which the configuration was last read and valid.", reloadTime),
	newMetric(prometheus.GaugeValue, "link_unreachable", "1 for each IP version by which no host on an interface can be reached, with the reason.", unreachable, "link", "ip_version", "reason"),
	newMetric(prometheus.CounterValue, "queries_total", "Questions of other hosts for the announced service types and for that of the phones.", queries, "link", "type"),
	newMetric(prometheus.CounterValue, "packets_received_total", "Messages received, by kind.", received, "kind"),
	newMetric(prometheus.CounterValue, "link_packets_received_total", "Messages received from other hosts.", linkReceived, "link"),
	newMetric(prometheus.CounterValue, "responses_total", "Messages sent, by kind.", responses, "link", "kind"),
	newMetric(prometheus.CounterValue, "send_errors_total", "Messages that could not be sent.", sendErrors, "link"),
	newMetric(prometheus.CounterValue, "packets_dropped_total", "Packets dropped unread, by reason.", dropped, "reason"),
	newMetric(prometheus.CounterValue, "questions_throttled_total", "Questions that got no more answers by unicast, because too much was asked for.", throttled),
	newMetric(prometheus.CounterValue, "conflicts_total", "Name conflicts with other hosts.", conflicts),
	newMetric(prometheus.CounterValue, "events_missed_total", "Events and questions that were dropped because they came too fast.", missed),
	newMetric(prometheus.GaugeValue, "foreign_services", "Services of the same types that other hosts announce.", foreign, "link", "type"),
	newMetric(prometheus.GaugeValue, "asking_hosts", "Remembered hosts that asked for a service type, by manufacturer.", askingHosts, "vendor"),
}

func buildInfo(s Status, add func(float64, ...string)) {
	b := s.Daemon.Build
	add(1, b.Version, b.Revision, b.Go, s.Daemon.Engine)
}

func healthy(s Status, add func(float64, ...string)) { add(zeroOrOne(s.Healthy)) }

func problems(s Status, add func(float64, ...string)) { add(float64(len(s.Problems))) }

func findings(s Status, add func(float64, ...string)) {
	add(float64(s.Files.Findings.Errors().Count()), diag.Error.String())
	add(float64(s.Files.Findings.Warnings().Count()), diag.Warning.String())
}

func refusedSince(s Status, add func(float64, ...string)) {
	for _, r := range s.Files.Refusals {
		add(seconds(r.Since), r.File)
	}
}

func lastGood(s Status, add func(float64, ...string)) {
	for _, r := range s.Files.Refusals {
		if !r.Good.IsZero() {
			add(seconds(r.Good), r.File)
		}
	}
}

func sourceAnswers(s Status, add func(float64, ...string)) {
	sources(s, func(p source.PlaceStatus) { add(zeroOrOne(p.Silent.IsZero()), p.Name) })
}

// sources calls each with the places. Of several with one name, such as URLs that differ in what is not shown, one counts.
func sources(s Status, each func(source.PlaceStatus)) {
	seen := map[string]bool{}
	for _, place := range s.Sources {
		if !seen[place.Name] {
			each(place)
		}
		seen[place.Name] = true
	}
}

// servers calls each with the places that are on a server.
func servers(s Status, each func(source.PlaceStatus)) {
	sources(s, func(p source.PlaceStatus) {
		if p.Server != nil {
			each(p)
		}
	})
}

func sourceConnected(s Status, add func(float64, ...string)) {
	servers(s, func(p source.PlaceStatus) { add(zeroOrOne(p.Server.Connected), p.Name) })
}

func sourceSince(s Status, add func(float64, ...string)) {
	servers(s, func(p source.PlaceStatus) { add(seconds(p.Server.Since), p.Name) })
}

func sourceSuccess(s Status, add func(float64, ...string)) {
	servers(s, func(p source.PlaceStatus) {
		if !p.Server.Success.IsZero() {
			add(seconds(p.Server.Success), p.Name)
		}
	})
}

func sourceRevision(s Status, add func(float64, ...string)) {
	servers(s, func(p source.PlaceStatus) { add(1, p.Name, p.Server.Revision) })
}

func sourceRefused(s Status, add func(float64, ...string)) {
	sources(s, func(p source.PlaceStatus) { add(float64(p.Refused), p.Name) })
}

// seconds returns a time as metrics have it.
func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

func zeroOrOne(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

func servicesByState(s Status, add func(float64, ...string)) {
	counts := map[mdns.State]int{mdns.Probing: 0, mdns.Announced: 0, mdns.StandingBy: 0, mdns.Refused: 0}
	for _, service := range s.Services {
		for _, l := range service.Links {
			counts[l.State]++
		}
	}
	for state, n := range counts {
		add(float64(n), state.String())
	}
}

func checks(s Status, add func(float64, ...string)) {
	told := map[string]bool{}
	for _, service := range s.Services {
		if service.Check != nil && !told[service.File] {
			told[service.File] = true
			add(zeroOrOne(service.Check.State == health.Up || service.Check.State == health.Degraded), service.File)
		}
	}
}

func filesRefused(s Status, add func(float64, ...string)) { add(float64(s.Files.Refused)) }

func reloadOK(s Status, add func(float64, ...string)) { add(zeroOrOne(s.Reload.OK)) }

func reloadTime(s Status, add func(float64, ...string)) {
	add(seconds(s.Reload.Good))
}

func unreachable(s Status, add func(float64, ...string)) {
	for _, f := range s.Faults() {
		add(1, f.Link, fmt.Sprint(f.Version), f.Why)
	}
}

func queries(s Status, add func(float64, ...string)) {
	for _, c := range s.Asked.Counts {
		add(float64(c.Count), c.Link, c.Type.String())
	}
}

func received(s Status, add func(float64, ...string)) {
	add(float64(s.Traffic.Queries), "query")
	add(float64(s.Traffic.Responses), "response")
}

func linkReceived(s Status, add func(float64, ...string)) {
	for _, l := range s.Links {
		if l.Used {
			add(float64(l.Traffic.Received), l.Name)
		}
	}
}

func responses(s Status, add func(float64, ...string)) {
	for _, l := range s.Links {
		t := l.Traffic
		if !l.Used {
			continue
		}
		for kind, n := range map[string]uint64{
			"answer": t.Answers, "unicast": t.Unicasts, "probe": t.Probes, "goodbye": t.Goodbyes, "question": t.Questions,
		} {
			add(float64(n), l.Name, kind)
		}
	}
}

func sendErrors(s Status, add func(float64, ...string)) {
	for _, l := range s.Links {
		if l.Used {
			add(float64(l.Traffic.SendErrors), l.Name)
		}
	}
}

func dropped(s Status, add func(float64, ...string)) {
	add(float64(s.Traffic.Malformed), "malformed")
	add(float64(s.Traffic.Ignored), "ignored")
	add(float64(s.Traffic.TooLong), "too_long")
}

func throttled(s Status, add func(float64, ...string)) { add(float64(s.Traffic.Throttled)) }

func conflicts(s Status, add func(float64, ...string)) { add(float64(s.Traffic.Conflicts)) }

func missed(s Status, add func(float64, ...string)) { add(float64(s.Traffic.Missed)) }

func foreign(s Status, add func(float64, ...string)) {
	type key struct{ link, typ string }
	counts := map[key]int{}
	for _, f := range s.Foreign {
		counts[key{f.Link, f.Type.String()}]++
	}
	for k, n := range counts {
		add(float64(n), k.link, k.typ)
	}
}

func askingHosts(s Status, add func(float64, ...string)) {
	counts := map[string]int{"Digium": 0, "Sangoma": 0, "other": 0}
	for _, h := range s.Asked.Hosts {
		if _, ok := counts[h.Vendor]; ok {
			counts[h.Vendor]++
		} else {
			counts["other"]++
		}
	}
	for vendor, n := range counts {
		add(float64(n), vendor)
	}
}

// collector reads the metrics off one status at each scrape.
type collector struct {
	get func() (Status, error)
}

// Describe implements [prometheus.Collector].
func (c collector) Describe(descs chan<- *prometheus.Desc) {
	for _, m := range metrics {
		descs <- m.desc
	}
}

// Collect implements [prometheus.Collector].
func (c collector) Collect(values chan<- prometheus.Metric) {
	s, err := c.get()
	if err != nil {
		values <- prometheus.NewInvalidMetric(metrics[0].desc, err)
		return
	}
	for _, m := range metrics {
		m.read(s, func(value float64, labels ...string) {
			values <- prometheus.MustNewConstMetric(m.desc, m.kind, value, labels...)
		})
	}
}

func registry(get func() (Status, error)) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collector{get}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// Metrics serves the state in the form of Prometheus, to few at a time. get gives the state.
func Metrics(get func() (Status, error)) http.Handler {
	return promhttp.HandlerFor(registry(get), promhttp.HandlerOpts{MaxRequestsInFlight: scrapesAtOnce, Timeout: scrapeTime})
}

package phones

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"announcer/internal/diag"
	"announcer/internal/guard"
	"announcer/internal/sip"
	"announcer/services"
)

// The codes of what a [Prober] finds.
const (
	CodeProbe     = "phones/probe"      // a server does not answer as it should
	CodeProbeSize = "phones/probe-size" // a file is too small to be firmware
)

const (
	probeTime     = 5 * time.Second // for one answer
	probesAtOnce  = 4
	probesOfGroup = 100
)

// SmallImage is the size in bytes below which a file is hardly firmware: what is known of has tens of megabytes.
const SmallImage = 1 << 20

// Prober asks the servers that announcements name: every firmware file by HTTP HEAD, every PBX by SIP OPTIONS.
type Prober struct {
	ctx    context.Context
	lookup guard.Lookup
	mu     sync.Mutex
	probes []Probe
}

// Probe is a question that was asked, and the answer.
type Probe struct {
	URL    string `json:"url"`
	Answer string `json:"answer"`         // such as "200 OK", or why there is none
	Size   int64  `json:"size,omitempty"` // bytes; 0 if the answer has none
}

// NewProber makes a prober that asks until ctx ends. lookup finds the hosts that announcements name.
func NewProber(ctx context.Context, lookup guard.Lookup) *Prober {
	return &Prober{ctx: ctx, lookup: lookup}
}

// Probes returns what was asked so far, in the order of the definitions.
func (p *Prober) Probes() []Probe {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.probes)
}

// Lint asks the servers of a group. It is a [services.Lint].
func (p *Prober) Lint(g services.Group) []services.Problem {
	var questions []question
	for i, s := range g.Services {
		if s.Type.Equal(ServiceType) {
			questions = append(questions, p.questions(i, s.TXT)...)
		}
	}
	questions = questions[:min(len(questions), probesOfGroup)]
	var group errgroup.Group
	group.SetLimit(probesAtOnce)
	for i := range questions {
		group.Go(func() error {
			questions[i].ask(&questions[i])
			return nil
		})
	}
	_ = group.Wait() // no question fails as a whole
	var problems []services.Problem
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, q := range questions {
		p.probes = append(p.probes, q.Probe)
		problems = append(problems, q.problems...)
	}
	return problems
}

// question is one to be asked about a string of a service.
type question struct {
	Probe
	service  int
	index    int // of the string
	ask      func(*question)
	problems []services.Problem
}

// questions returns what is to be asked about a service. What names nothing that can be asked is a question without an
// answer.
func (p *Prober) questions(service int, txt services.TXT) []question {
	a := Read(txt)
	if !a.Named() {
		return nil
	}
	if !a.OffersFirmware() {
		server := a.values[keySIPURL]
		q := question{Probe: Probe{URL: server.value}, service: service, index: a.indexOf(keySIPURL), ask: p.options}
		if _, err := a.Server(); err != nil {
			q.ask = unasked(err)
		}
		return []question{q}
	}
	files, err := a.Files()
	if err != nil {
		return []question{{Probe: Probe{URL: a.FirmwareURL}, service: service, index: a.indexOf(keyFirmwareURL), ask: unasked(err)}}
	}
	var questions []question
	for _, f := range files {
		questions = append(questions, question{Probe: Probe{URL: f.URL}, service: service, index: f.Index, ask: p.head})
	}
	return questions
}

// unasked is the question to a server that is not named: the error says why.
func unasked(err error) func(*question) {
	return func(q *question) {
		q.Answer = "not asked"
		q.errorf(CodeProbe, "nothing can be asked: %v", err)
	}
}

func (q *question) errorf(code, format string, args ...any) { q.add(diag.Unfit, code, format, args...) }

func (q *question) add(severity diag.Severity, code, format string, args ...any) {
	o := Oddity{q.index, severity, code, fmt.Sprintf(format, args...)}
	q.problems = append(q.problems, o.problem(q.service))
}

// head asks for a file. Redirections are not followed, since it is not known that phones follow them.
func (p *Prober) head(q *question) {
	ctx, cancel := context.WithTimeout(p.ctx, probeTime)
	defer cancel()
	client := guard.HTTP(ctx, p.lookup.Dial)
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, q.URL, nil)
	if err != nil {
		q.errorf(CodeProbe, "%q is not a URL; want one such as http://192.0.2.10/", q.URL)
		return
	}
	response, err := client.Do(request)
	if err != nil {
		q.failed(guard.Failure(ctx, err))
		return
	}
	response.Body.Close()
	q.Answer, q.Size = guard.Clip(response.Status), max(response.ContentLength, 0)
	switch {
	case response.StatusCode != http.StatusOK:
		q.errorf(CodeProbe, "%s answers %s; want 200 OK", q.URL, q.Answer)
	case response.ContentLength == 0:
		q.errorf(CodeProbeSize, "%s is empty; want the firmware", q.URL)
	case response.ContentLength > 0 && response.ContentLength < SmallImage:
		q.add(diag.Warning, CodeProbeSize, "%s has %d bytes only; want the firmware, which has tens of megabytes", q.URL, response.ContentLength)
	}
}

// options asks a PBX.
func (p *Prober) options(q *question) {
	ctx, cancel := context.WithTimeout(p.ctx, probeTime)
	defer cancel()
	target, err := sip.ParseURL(q.URL)
	if err != nil {
		q.errorf(CodeProbe, "%v", err)
		return
	}
	var answer sip.Answer
	err = p.lookup(ctx, target.Host, func(host string) error {
		target.Host = host
		answer, err = sip.Alive(ctx, target)
		return err
	})
	if err != nil {
		q.failed(err)
		return
	}
	q.Answer = answer.String()
}

// failed reports why there is no answer, as a sentence of [guard.Failure] or [sip.Alive].
func (q *question) failed(err error) {
	q.Answer = guard.Clip(err.Error())
	q.errorf(CodeProbe, "%s gives no answer here: %s", q.URL, q.Answer)
}

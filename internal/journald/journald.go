// Package journald writes log messages to the journal of systemd with their priority and their attributes as fields, by its
// native protocol, or, if that fails, as lines with the prefixes of sd-daemon(3).
package journald

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"strconv"
	"strings"
	"sync"

	"github.com/coreos/go-systemd/v22/journal"

	"announcer/internal/escape"
)

// identifier is what the journal shows as the name of the program.
const identifier = "announcer"

// prefix begins the name of a field, so that none is a field that means something else to the journal.
const prefix = "ANNOUNCER_"

// Connected reports whether the standard error of this process is a stream of the journal (JOURNAL_STREAM in
// systemd.exec(5)).
func Connected() bool {
	connected, err := journal.StderrIsJournalStream()
	return err == nil && connected
}

// Handler is a handler of [slog] whose messages go to the journal. An attribute such as "service" is a field
// ANNOUNCER_SERVICE, and stands in the message, too.
type Handler struct {
	*output
	line   slog.Handler // writes to the buffer of output
	fields map[string]string
	group  string // before the names of fields
}

// output is what the handlers of one log share.
type output struct {
	mu     sync.Mutex
	buffer bytes.Buffer
	stderr io.Writer
	send   func(message string, priority journal.Priority, fields map[string]string) error
}

// NewHandler returns a handler for messages of a level and above, with the text that [slog.NewTextHandler] writes, or the JSON
// of [slog.NewJSONHandler]. Lines that the journal does not take by its protocol are written to stderr.
func NewHandler(stderr io.Writer, level slog.Leveler, inJSON bool) *Handler {
	return newHandler(&output{stderr: stderr, send: journal.Send}, level, inJSON)
}

func newHandler(o *output, level slog.Leveler, inJSON bool) *Handler {
	options := &slog.HandlerOptions{Level: level}
	if inJSON {
		return &Handler{output: o, line: slog.NewJSONHandler(escape.JSON(&o.buffer), options)}
	}
	options.ReplaceAttr = withoutHead
	return &Handler{output: o, line: slog.NewTextHandler(escape.NewWriter(&o.buffer), options)}
}

// withoutHead leaves out time and level, which the journal has, too.
func withoutHead(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
		return slog.Attr{}
	}
	return a
}

// Enabled reports whether messages of a level are written.
func (h *Handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.line.Enabled(ctx, level)
}

// Handle writes a message.
func (h *Handler) Handle(ctx context.Context, r slog.Record) error {
	fields := map[string]string{"SYSLOG_IDENTIFIER": identifier}
	maps.Copy(fields, h.fields)
	r.Attrs(func(a slog.Attr) bool {
		addField(fields, h.group, a)
		return true
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	h.buffer.Reset()
	if err := h.line.Handle(ctx, r); err != nil {
		return err
	}
	message, priority := strings.TrimSuffix(h.buffer.String(), "\n"), priorityOf(r.Level)
	if h.send(message, priority, fields) == nil {
		return nil
	}
	_, err := fmt.Fprintf(h.stderr, "<%d>%s\n", priority, message)
	return err
}

// WithAttrs returns a handler that adds attributes to each message.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	with.line, with.fields = h.line.WithAttrs(attrs), maps.Clone(h.fields)
	if with.fields == nil {
		with.fields = map[string]string{}
	}
	for _, a := range attrs {
		addField(with.fields, h.group, a)
	}
	return &with
}

// WithGroup returns a handler that puts the attributes that follow into a group.
func (h *Handler) WithGroup(name string) slog.Handler {
	with := *h
	with.line, with.group = h.line.WithGroup(name), h.group+name+"_"
	return &with
}

// addField adds an attribute, or those of a group.
func addField(fields map[string]string, group string, a slog.Attr) {
	value := a.Value.Resolve()
	if value.Kind() == slog.KindGroup {
		for _, inner := range value.Group() {
			addField(fields, group+a.Key+"_", inner)
		}
		return
	}
	fields[fieldName(group+a.Key)] = escape.Text(value.String())
}

// mostName is the most bytes of the name of a field.
const mostName = 64

// fieldName returns a name of capital letters, digits and underscores.
func fieldName(key string) string {
	name := prefix + strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return r - 'a' + 'A'
		} else if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, key)
	return name[:min(len(name), mostName)]
}

// priorityOf returns the priority of a level, as syslog(3) numbers them.
func priorityOf(level slog.Level) journal.Priority {
	switch {
	case level >= slog.LevelError:
		return journal.PriErr
	case level >= slog.LevelWarn:
		return journal.PriWarning
	case level >= slog.LevelInfo:
		return journal.PriInfo
	}
	return journal.PriDebug
}

// Lines is a writer to the journal's stream that puts the prefix of a priority before each line.
type Lines struct {
	w      io.Writer
	prefix string

	mu   sync.Mutex
	line bool // a line has begun
}

// NewLines returns a writer for lines that are, without being messages of the log, as important as those of a level.
func NewLines(w io.Writer, level slog.Level) *Lines {
	return &Lines{w: w, prefix: "<" + strconv.Itoa(int(priorityOf(level))) + ">"}
}

// Write writes text.
func (l *Lines) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var b bytes.Buffer
	for line := range bytes.Lines(text) {
		if !l.line {
			b.WriteString(l.prefix)
		}
		b.Write(line)
		l.line = !bytes.HasSuffix(line, []byte("\n"))
	}
	if _, err := l.w.Write(b.Bytes()); err != nil {
		return 0, err
	}
	return len(text), nil
}

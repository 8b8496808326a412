package journald

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"testing"

	"github.com/coreos/go-systemd/v22/journal"
	"github.com/google/go-cmp/cmp"
)

type entry struct {
	Message  string
	Priority journal.Priority
	Fields   map[string]string
}

func TestHandler(t *testing.T) {
	for _, test := range []struct {
		name   string
		inJSON bool
		log    func(*slog.Logger)
		want   []entry
	}{
		{"levels", false, func(l *slog.Logger) {
			l.Debug("no")
			l.Info("a")
			l.Warn("b")
			l.Error("c")
		}, []entry{{"msg=a", 6, nil}, {"msg=b", 4, nil}, {"msg=c", 3, nil}}},
		{"attributes", false, func(l *slog.Logger) { l.Info("announced", "service", "Büro 1", "max-age", 7, "error", io.EOF) },
			[]entry{{`msg=announced service="Büro 1" max-age=7 error=EOF`, 6, map[string]string{"ANNOUNCER_SERVICE": "Büro 1", "ANNOUNCER_MAX_AGE": "7", "ANNOUNCER_ERROR": "EOF"}}}},
		{"of a logger", false, func(l *slog.Logger) {
			child := l.With("a", 1).WithGroup("g").With("b", 2)
			child.Info("x", "c", 3, slog.Group("d", "e", 4))
			l.Info("y")
		}, []entry{
			{"msg=x a=1 g.b=2 g.c=3 g.d.e=4", 6, map[string]string{"ANNOUNCER_A": "1", "ANNOUNCER_G_B": "2", "ANNOUNCER_G_C": "3", "ANNOUNCER_G_D_E": "4"}},
			{"msg=y", 6, nil},
		}},
		{"text of a stranger", false, func(l *slog.Logger) { l.Warn("x", "name", "a\nb\x1b\u202e") },
			[]entry{{`msg=x name="a\nb\x1b\u202e"`, 4, map[string]string{"ANNOUNCER_NAME": `a\010b\027\u202e`}}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []entry
			log := slog.New(newHandler(&output{stderr: io.Discard, send: func(message string, p journal.Priority, fields map[string]string) error {
				if fields["SYSLOG_IDENTIFIER"] != "announcer" {
					t.Errorf("no identifier: %v", fields)
				}
				delete(fields, "SYSLOG_IDENTIFIER")
				if len(fields) == 0 {
					fields = nil
				}
				got = append(got, entry{message, p, fields})
				return nil
			}}, slog.LevelInfo, test.inJSON))
			test.log(log)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestHandlerWithoutJournal has no journal take messages: they are lines with prefixes.
func TestHandlerWithoutJournal(t *testing.T) {
	var b bytes.Buffer
	o := &output{stderr: &b, send: func(string, journal.Priority, map[string]string) error { return errors.New("no socket") }}
	slog.New(newHandler(o, slog.LevelDebug, false)).Debug("a", "b", 1)
	slog.New(newHandler(o, slog.LevelDebug, false)).Error("c")
	if want := "<7>msg=a b=1\n<3>msg=c\n"; b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
}

func TestLines(t *testing.T) {
	var b bytes.Buffer
	w := NewLines(&b, slog.LevelWarn)
	for _, piece := range []string{"a\nb", "c\n", "\n", "d"} {
		if n, err := io.WriteString(w, piece); n != len(piece) || err != nil {
			t.Fatal(n, err)
		}
	}
	if want := "<4>a\n<4>bc\n<4>\n<4>d"; b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
}

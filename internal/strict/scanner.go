package strict

import (
	"strings"

	"github.com/BurntSushi/toml"
)

// scanner finds where the values of a TOML document stand. The library has places for errors of the syntax only: 5 of the 32
// findings of TestComplaints (TestLibraryLacksPlaces). The scanner takes every document that the library takes, and stops
// at the first thing that can't be TOML.
type scanner struct {
	text    string
	at      int
	places  map[Path]int
	tables  map[Path]int // how many tables an array of tables has so far
	tooDeep bool
}

func (s *scanner) document() {
	s.eat("\ufeff")
	table, ok := Path(""), true
	for s.skipBlank(); ok && s.at < len(s.text); s.skipBlank() {
		if s.text[s.at] == '[' {
			table, ok = s.header()
		} else {
			ok = s.pair(table)
		}
	}
}

// set remembers the place of a value, the first one where a path has several. It reports false if the path is
// too long to go on.
func (s *scanner) set(p Path, offset int) bool {
	if _, ok := s.places[p]; !ok {
		s.places[p] = offset
	}
	s.tooDeep = p.depth() > maxDepth
	return !s.tooDeep
}

// header reads "[a.b]" or "[[a.b]]" and gives the path of the table.
func (s *scanner) header() (table Path, ok bool) {
	start := s.at
	open, closing := "[", "]"
	if strings.HasPrefix(s.text[s.at:], "[[") {
		open, closing = "[[", "]]"
	}
	s.eat(open)
	keys := s.keys()
	for i, key := range keys {
		table = table.Key(key)
		if !s.set(table, start) {
			return table, false
		}
		if i == len(keys)-1 && closing == "]]" {
			s.tables[table]++
		}
		if n := s.tables[table]; n > 0 {
			table = table.Index(n - 1)
			s.set(table, start)
		}
	}
	return table, len(keys) > 0 && s.eat(closing)
}

// pair reads "key = value" into a table.
func (s *scanner) pair(table Path) bool {
	start := s.at
	keys := s.keys()
	for _, key := range keys {
		table = table.Key(key)
		if !s.set(table, start) {
			return false
		}
	}
	if len(keys) == 0 || !s.eat("=") {
		return false
	}
	s.skipSpace()
	return s.value(table)
}

// keys reads a key with dots, and the blanks behind it.
func (s *scanner) keys() []string {
	var keys []string
	for {
		s.skipSpace()
		key, ok := s.key()
		if !ok {
			return nil
		}
		keys = append(keys, key)
		s.skipSpace()
		if !s.eat(".") {
			return keys
		}
		if len(keys) > maxDepth {
			s.tooDeep = true
			return nil
		}
	}
}

func (s *scanner) key() (key string, ok bool) {
	start := s.at
	if s.at < len(s.text) && (s.text[s.at] == '"' || s.text[s.at] == '\'') {
		if !s.quoted(s.text[s.at : s.at+1]) {
			return "", false
		}
		return unquote(s.text[start:s.at])
	}
	end := strings.IndexAny(s.text[s.at:], " \t\r\n.=[]{},#\"'")
	if end < 0 {
		return "", false
	}
	s.at += end
	return s.text[start:s.at], end > 0
}

// unquote returns what a quoted key stands for.
func unquote(quoted string) (key string, ok bool) {
	var doc struct{ Key string }
	_, err := toml.Decode("Key = "+quoted, &doc)
	return doc.Key, err == nil
}

func (s *scanner) value(p Path) bool {
	rest := s.text[s.at:]
	for _, quote := range []string{`"""`, `'''`, `"`, `'`} {
		if strings.HasPrefix(rest, quote) {
			return s.quoted(quote)
		}
	}
	switch {
	case s.eat("["):
		return s.list(p)
	case s.eat("{"):
		return s.table(p)
	}
	end := strings.IndexAny(rest, "\n,]}#")
	if end < 0 {
		end = len(rest)
	}
	s.at += end
	return end > 0
}

// quoted skips a string. Only those in double quotes have escapes, and three quotes may have two more in front.
func (s *scanner) quoted(quote string) bool {
	for s.at += len(quote); s.at < len(s.text); s.at++ {
		switch {
		case s.text[s.at] == '\\' && quote[0] == '"':
			s.at++
		case s.text[s.at] == '\n' && len(quote) == 1:
			return false
		case s.eat(quote):
			for range len(quote) - 1 {
				s.eat(quote[:1])
			}
			return true
		}
	}
	return false
}

// list reads the values up to the closing bracket.
func (s *scanner) list(p Path) bool {
	for i := 0; ; i++ {
		s.skipBlank()
		if s.eat("]") {
			return true
		}
		if !s.set(p.Index(i), s.at) || !s.value(p.Index(i)) {
			return false
		}
		s.skipBlank()
		if !s.eat(",") {
			return s.eat("]")
		}
	}
}

// table reads the pairs up to the closing brace.
func (s *scanner) table(p Path) bool {
	for {
		s.skipBlank()
		if s.eat("}") {
			return true
		}
		if !s.pair(p) {
			return false
		}
		s.skipBlank()
		if !s.eat(",") {
			return s.eat("}")
		}
	}
}

func (s *scanner) eat(prefix string) bool {
	if !strings.HasPrefix(s.text[min(s.at, len(s.text)):], prefix) {
		return false
	}
	s.at += len(prefix)
	return true
}

func (s *scanner) skipSpace() {
	for s.at < len(s.text) && (s.text[s.at] == ' ' || s.text[s.at] == '\t') {
		s.at++
	}
}

// skipBlank skips white space, line ends and comments.
func (s *scanner) skipBlank() {
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case ' ', '\t', '\r', '\n':
			s.at++
		case '#':
			end := strings.IndexByte(s.text[s.at:], '\n')
			if end < 0 {
				end = len(s.text) - s.at
			}
			s.at += end
		default:
			return
		}
	}
}

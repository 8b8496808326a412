package strict

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode/utf8"
)

// JSON reads a JSON object. If that is not possible, the document is empty and its findings say why.
func JSON(file string, data []byte) *Document {
	d := newDocument(file, data, "json")
	if !utf8.Valid(data) {
		d.fault(validLength(d.text), "this is not JSON: it is not UTF-8")
		return d
	}
	r := jsonReader{document: d, tokens: json.NewDecoder(strings.NewReader(d.text))}
	r.tokens.UseNumber()
	value, err := r.value("")
	if err == nil {
		err = r.end()
	}
	root, isObject := value.(map[string]any)
	switch {
	case err != nil:
		d.fault(r.offset(err), "this is not JSON: %s", jsonMessage(err))
	case !isObject:
		d.fault(0, "this is %s; want an object in braces", kind(value))
	default:
		d.root = root
	}
	return d
}

func validLength(text string) int {
	for i, r := range text {
		if r == utf8.RuneError && !strings.HasPrefix(text[i:], "\ufffd") {
			return i
		}
	}
	return len(text)
}

// jsonReader makes values of tokens, and remembers where they begin.
type jsonReader struct {
	document *Document
	tokens   *json.Decoder
}

var (
	errTooDeep  = errors.New("objects and lists are nested too deep")
	errRange    = errors.New("a number is too large")
	errTwice    = errors.New("a key is set twice")
	errTrailing = errors.New("something follows after the end")
)

func (r *jsonReader) value(p Path) (any, error) {
	if p.depth() > maxDepth {
		return nil, errTooDeep
	}
	start := r.next()
	token, err := r.tokens.Token()
	if err != nil {
		return nil, err
	}
	if _, ok := r.document.places[p]; !ok {
		r.document.places[p] = start
	}
	switch t := token.(type) {
	case json.Delim:
		if t == '{' {
			return r.object(p)
		}
		return r.list(p)
	case json.Number:
		if n, err := t.Int64(); err == nil {
			return n, nil
		}
		if n, err := t.Float64(); err == nil {
			return n, nil
		}
		return nil, errRange
	}
	return token, nil
}

// next returns the offset at which the next token begins.
func (r *jsonReader) next() int {
	offset := int(r.tokens.InputOffset())
	return len(r.document.text) - len(strings.TrimLeft(r.document.text[offset:], " \t\r\n,:"))
}

func (r *jsonReader) object(p Path) (any, error) {
	object := map[string]any{}
	for r.tokens.More() {
		start := r.next()
		token, err := r.tokens.Token()
		if err != nil {
			return nil, err
		}
		key, _ := token.(string) // the decoder lets nothing else pass as a key
		if _, ok := object[key]; ok {
			return nil, errTwice
		}
		r.document.places[p.Key(key)] = start
		if object[key], err = r.value(p.Key(key)); err != nil {
			return nil, err
		}
	}
	_, err := r.tokens.Token()
	return object, err
}

func (r *jsonReader) list(p Path) (any, error) {
	list := []any{}
	for i := 0; r.tokens.More(); i++ {
		element, err := r.value(p.Index(i))
		if err != nil {
			return nil, err
		}
		list = append(list, element)
	}
	_, err := r.tokens.Token()
	return list, err
}

func (r *jsonReader) end() error {
	if _, err := r.tokens.Token(); !errors.Is(err, io.EOF) {
		return errTrailing
	}
	return nil
}

// offset returns the place of an error.
func (r *jsonReader) offset(err error) int {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return int(syntax.Offset) - 1
	}
	return int(r.tokens.InputOffset())
}

func jsonMessage(err error) string {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "it ends too early"
	}
	return err.Error()
}

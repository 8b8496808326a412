package strict

import (
	"cmp"
	"encoding"
	"reflect"
	"slices"
	"strings"

	"announcer/internal/diag"
)

// Pairs is a table of strings in the order in which it was written.
type Pairs []Pair

// Pair is an entry of [Pairs].
type Pair struct{ Key, Value string }

// Into fills the struct that target points to. Its fields have tags with their keys, and are strings, whole numbers,
// truth values, [Pairs], structs, or lists of these. A string does as well for a struct that is an
// [encoding.TextUnmarshaler], and for a list of one. What does not fit is reported, and the rest is filled.
func (d *Document) Into(target any) {
	if d.root != nil {
		d.fill("", d.root, reflect.ValueOf(target).Elem())
	}
}

// Refuse reports the keys of the document that belong elsewhere, with what to do about them, and forgets them.
func (d *Document) Refuse(elsewhere map[Path]string) {
	for p, text := range elsewhere {
		if d.Has(p) {
			d.Report(p, diag.Error, "", text)
			delete(d.table(p.parent()), p.name())
			delete(d.places, p)
		}
	}
}

// table returns the table that a path of keys leads to, nil if that is something else.
func (d *Document) table(p Path) map[string]any {
	if p == "" {
		return d.root
	}
	table, _ := d.table(p.parent())[p.name()].(map[string]any)
	return table
}

func (d *Document) fill(p Path, value any, into reflect.Value) {
	if !d.set(p, value, into) {
		d.unfit(p, value, d.wanted(p, into.Type()))
	}
}

// unfit reports a value of the wrong kind.
func (d *Document) unfit(p Path, value any, wanted string) {
	d.Errorf(p, "this is %s; want %s", kind(value), wanted)
	d.wrong[p] = true
}

// set puts a value into a field. It reports false if the field takes no value of that kind.
func (d *Document) set(p Path, value any, into reflect.Value) (ok bool) {
	text, isText := value.(string)
	table, isTable := value.(map[string]any)
	switch target := into.Addr().Interface().(type) {
	case *string:
		*target = text
		return isText
	case *int64:
		*target, ok = value.(int64)
		return ok
	case *bool:
		*target, ok = value.(bool)
		return ok
	case *Pairs:
		*target = d.pairs(p, table)
		return isTable
	case encoding.TextUnmarshaler:
		if isText {
			return target.UnmarshalText([]byte(text)) == nil
		}
	}
	if into.Kind() == reflect.Struct {
		d.fillStruct(p, table, into)
		return isTable
	}
	return d.fillList(p, value, into)
}

func (d *Document) fillList(p Path, value any, into reflect.Value) (ok bool) {
	var values []any
	switch v := value.(type) {
	case []any:
		values = v
	case []map[string]any:
		for _, table := range v {
			values = append(values, table)
		}
	case string:
		if elem := into.Type().Elem(); elem.Kind() != reflect.String && !takesText(elem) {
			return false
		}
		values = []any{v}
	default:
		return false
	}
	into.Set(reflect.MakeSlice(into.Type(), len(values), len(values)))
	for i, value := range values {
		d.fill(p.Index(i), value, into.Index(i))
	}
	return true
}

func (d *Document) fillStruct(p Path, table map[string]any, into reflect.Value) {
	fields := d.fields(into.Type())
	for _, key := range d.ordered(p, table) {
		if i := slices.Index(fields, key); i >= 0 && key != "" {
			d.fill(p.Key(key), table[key], into.Field(i))
		} else {
			d.unknown(p, key, into.Type())
		}
	}
}

// fields returns the keys of a struct's fields, "" for one that has none.
func (d *Document) fields(t reflect.Type) []string {
	var fields []string
	for i := range t.NumField() {
		key, _, _ := strings.Cut(t.Field(i).Tag.Get(d.tag), ",")
		fields = append(fields, strings.TrimPrefix(key, "-"))
	}
	return fields
}

// keys returns the keys that a table of the type may have.
func (d *Document) keys(t reflect.Type) []string {
	return slices.DeleteFunc(d.fields(t), func(key string) bool { return key == "" })
}

// ordered returns the keys of a table in the order in which they were written.
func (d *Document) ordered(p Path, table map[string]any) []string {
	var keys []string
	for key := range table {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b string) int {
		return cmp.Or(cmp.Compare(d.places[p.Key(a)], d.places[p.Key(b)]), cmp.Compare(a, b))
	})
	return keys
}

func (d *Document) pairs(p Path, table map[string]any) Pairs {
	pairs := Pairs{}
	for _, key := range d.ordered(p, table) {
		value, ok := table[key].(string)
		if !ok {
			d.unfit(p.Key(key), table[key], "a string in quotes")
		}
		pairs = append(pairs, Pair{key, value})
	}
	return pairs
}

// unknown reports a key that no field of the table's type has, and forgets it.
func (d *Document) unknown(p Path, key string, t reflect.Type) {
	text := "unknown key" + d.in(p)
	switch nearest, table := diag.Nearest(key, d.keys(t)), d.holder(t, key); {
	case nearest != "":
		text += `; did you mean "` + nearest + `"?`
	case table != "":
		text += "; want it under [" + table + "]"
	default:
		text += "; want one of " + strings.Join(d.keys(t), ", ")
	}
	d.report(p.Key(key), `"`+key+`"`, diag.Error, "", text)
	delete(d.places, p.Key(key))
}

// holder returns the name of the table, among those that are fields of t, that knows the key.
func (d *Document) holder(t reflect.Type, key string) string {
	fields := d.fields(t)
	for i := range t.NumField() {
		if field := t.Field(i).Type; field.Kind() == reflect.Struct && slices.Contains(d.keys(field), key) {
			return fields[i]
		}
	}
	return ""
}

// in names the table that p leads to: " in [daemon]".
func (d *Document) in(p Path) string {
	inList := strings.HasPrefix(string(p[len(p.parent()):]), indexMark)
	switch {
	case p == "" && d.tag == "toml":
		return " outside of a table"
	case p == "":
		return ""
	case d.tag == "json":
		return ` in "` + p.name() + `"`
	case inList:
		return " in [[" + p.keys() + "]]"
	default:
		return " in [" + p.keys() + "]"
	}
}

// kind names what a value is.
func kind(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case string:
		return "a string"
	case int64:
		return "a whole number"
	case float64:
		return "a number with a fraction"
	case bool:
		return "true or false"
	case map[string]any:
		return "a table"
	case []any, []map[string]any:
		return "a list"
	}
	return "a date or time"
}

// wanted names what a field takes.
func (d *Document) wanted(p Path, t reflect.Type) string {
	switch {
	case t.Kind() == reflect.String:
		return "a string in quotes"
	case t.Kind() == reflect.Int64:
		return "a whole number"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case takesText(t):
		return "a string, or a table with " + strings.Join(d.keys(t), " and ")
	case t.Kind() == reflect.Struct || t == reflect.TypeFor[Pairs]():
		return d.wantedTable(p)
	case d.tag == "toml" && t.Elem().Kind() == reflect.Struct && !takesText(t.Elem()):
		return "a list of tables, each under [[" + p.keys() + "]]"
	}
	return "a list in brackets"
}

func (d *Document) wantedTable(p Path) string {
	if d.tag == "json" {
		return "an object in braces"
	}
	return "a table, [" + p.keys() + "]"
}

func takesText(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

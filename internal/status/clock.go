package status

import (
	"reflect"
	"time"
)

// At returns a moment as the clock of now gives it. The clock may have been set in between: what counts is the time that has
// passed. A moment without a monotonic reading stays as it is.
func At(now, t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return now.Add(t.Sub(now)).In(t.Location())
}

// clockSet is the least difference by which a clock counts as set.
const clockSet = 2 * time.Second

// Aligned returns the status with all moments as the clock gives them at its time, so that they can be compared when they have
// been written and read. The clock may have been set since the daemon was started.
func (s Status) Aligned() Status {
	up, shown := s.Time.Sub(s.Daemon.Started), s.Time.Round(0).Sub(s.Daemon.Started.Round(0))
	if (up - shown).Abs() < clockSet {
		return s
	}
	return aligned(reflect.ValueOf(s), s.Time).Interface().(Status)
}

// aligned returns a copy of a value with all moments in it as the clock of now gives them.
func aligned(v reflect.Value, now time.Time) reflect.Value {
	if t, ok := reflect.TypeAssert[time.Time](v); ok {
		return reflect.ValueOf(At(now, t))
	}
	switch {
	case v.Kind() == reflect.Struct:
		result := reflect.New(v.Type()).Elem()
		result.Set(v)
		for field := range v.Type().Fields() {
			if field.IsExported() {
				result.FieldByIndex(field.Index).Set(aligned(v.FieldByIndex(field.Index), now))
			}
		}
		return result
	case v.Kind() == reflect.Pointer && !v.IsNil():
		result := reflect.New(v.Type().Elem())
		result.Elem().Set(aligned(v.Elem(), now))
		return result
	case v.Kind() == reflect.Slice && !v.IsNil():
		result := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		for i := range v.Len() {
			result.Index(i).Set(aligned(v.Index(i), now))
		}
		return result
	}
	return v
}

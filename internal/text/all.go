package text

import "reflect"

// EscapeAll escapes every text in a value: exported fields, elements, keys of
// maps with texts, and what pointers lead to. The value is to be a pointer, and no
// pointer in it may lead back.
func EscapeAll(v any) { escapeAll(reflect.ValueOf(v)) }

func escapeAll(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		if s := v.String(); v.CanSet() {
			if safe := Escape(s); safe != s {
				v.SetString(safe)
			}
		}
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			escapeAll(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				escapeAll(v.Field(i))
			}
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return
		}
		for i := range v.Len() {
			escapeAll(v.Index(i))
		}
	case reflect.Map:
		escapeMap(v)
	}
}

func escapeMap(v reflect.Value) {
	for _, key := range v.MapKeys() {
		value := reflect.New(v.Type().Elem()).Elem()
		value.Set(v.MapIndex(key))
		escapeAll(value)
		v.SetMapIndex(key, reflect.Value{})
		safe := reflect.New(v.Type().Key()).Elem()
		safe.Set(key)
		escapeAll(safe)
		v.SetMapIndex(safe, value)
	}
}

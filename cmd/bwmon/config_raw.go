package main

import (
	"fmt"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"time"

	"bwmon/notify"
)

// rawConfig is bwmon.toml as written. Its toml tags are the list of keys: a
// key that is not here is an error.
type rawConfig struct {
	Interval  string       `toml:"interval"`
	AutoGroup bool         `toml:"auto_group"`
	TimeZone  string       `toml:"time_zone"`
	StateDir  string       `toml:"state_dir"`
	Monitor   []rawMonitor `toml:"monitor"`
	App       []rawApp     `toml:"app"`
	Control   rawControl   `toml:"control"`
	Rule      []rawRule    `toml:"rule"`
	Notify    []rawNotify  `toml:"notify"`
	Mask      rawMask      `toml:"mask"`
	History   rawHistory   `toml:"history"`
	HTTP      rawHTTP      `toml:"http"`
	UI        rawUI        `toml:"ui"`
	Probe     []rawProbe   `toml:"probe"`
	Log       rawLog       `toml:"log"`
	Publish   rawPublish   `toml:"publish"`
	Receive   rawReceive   `toml:"receive"`
}

// rawMask is [mask].
type rawMask struct {
	Secrets  bool     `toml:"secrets"`
	Patterns []string `toml:"patterns"`
}

// rawControl is [control].
type rawControl struct {
	Socket string `toml:"socket"`
	Group  string `toml:"group"`
}

// rawMonitor is one [[monitor]].
type rawMonitor struct {
	Type        string   `toml:"type"`
	Include     []string `toml:"include"`
	Exclude     []string `toml:"exclude"`
	IgnoreLocal bool     `toml:"ignore_local"`
	Lookback    bool     `toml:"lookback"`
	MaxShare    float64  `toml:"max_share"`
	Setup       bool     `toml:"setup"`
	Cgroup      string   `toml:"cgroup"`
	MaxFlows    int      `toml:"max_flows"`

	IncludeSeries []string `toml:"include_series"`
	ExcludeSeries []string `toml:"exclude_series"`
	Processes     bool     `toml:"processes"`

	Listen         string `toml:"listen"`
	Target         string `toml:"target"`
	MaxRelays      int    `toml:"max_relays"`
	IdleTimeout    string `toml:"idle_timeout"`
	ConnectTimeout string `toml:"connect_timeout"`
	Drain          string `toml:"drain"`
}

// rawApp is one [[app]].
type rawApp struct {
	Name      string   `toml:"name"`
	Match     []string `toml:"match"`
	User      string   `toml:"user"`
	Container string   `toml:"container"`
	Unit      string   `toml:"unit"`
}

// fill writes the table that stands at a place into dst, a pointer to a raw
// struct. What the table does not hold keeps its value; what dst does not
// know, or of another type, is a problem of c.
func (c *configReader) fill(dst reflect.Value, table map[string]any, at place) {
	fields := make(map[string]reflect.Value)
	var names []string
	for i := range dst.NumField() {
		name := dst.Type().Field(i).Tag.Get("toml")
		fields[name] = dst.Field(i)
		names = append(names, name)
	}
	for key, v := range table {
		field, ok := fields[key]
		if !ok {
			c.unknownKey(at, key, names)
			continue
		}
		c.set(field, v, at.key(key))
	}
}

func (c *configReader) unknownKey(at place, key string, names []string) {
	hint := ""
	if n := nearest(key, names); n != "" {
		hint = fmt.Sprintf(" (did you mean %q?)", n)
	} else {
		sort.Strings(names)
		hint = fmt.Sprintf(" (known here: %s)", strings.Join(names, ", "))
	}
	c.problem(at.key(key), at, "unknown key %q%s", key, hint)
}

// set writes one value, if it is of the field's type.
func (c *configReader) set(field reflect.Value, v any, at place) {
	switch field.Kind() {
	case reflect.String:
		if s, ok := v.(string); ok {
			field.SetString(s)
			return
		}
		if s, ok := numberText(v); ok && field.Type() == reflect.TypeFor[figure]() {
			field.SetString(s)
			return
		}
	case reflect.Bool:
		if b, ok := v.(bool); ok {
			field.SetBool(b)
			return
		}
	case reflect.Int:
		if n, ok := v.(int64); ok {
			field.SetInt(n)
			return
		}
	case reflect.Float64:
		switch n := v.(type) {
		case float64:
			field.SetFloat(n)
			return
		case int64:
			field.SetFloat(float64(n))
			return
		}
	case reflect.Struct:
		if t, ok := v.(map[string]any); ok {
			c.fill(field, t, at)
			return
		}
	case reflect.Map:
		if t, ok := v.(map[string]any); ok {
			c.setMap(field, t, at)
			return
		}
	case reflect.Slice:
		if field.Type().Elem().Kind() == reflect.Struct {
			c.setTables(field, v, at)
			return
		}
		if list, ok := v.([]any); ok {
			c.setStrings(field, list, at)
			return
		}
		if line, ok := v.(string); ok && field.Type() == reflect.TypeFor[words]() {
			list, err := notify.SplitWords(line)
			if err != nil {
				c.problem(at, at, "%v", err)
			}
			field.Set(reflect.ValueOf(words(list)))
			return
		}
	}
	c.wrongType(at, wanted(field.Type()), v)
}

// figure is a number, or one with its unit in a text.
type figure string

func numberText(v any) (string, bool) {
	switch n := v.(type) {
	case int64:
		return strconv.FormatInt(n, 10), true
	case float64:
		return strconv.FormatFloat(n, 'g', -1, 64), true
	}
	return "", false
}

// setMap fills a map from a table of which any key may be written. Of lists a
// single text is one, too.
func (c *configReader) setMap(field reflect.Value, table map[string]any, at place) {
	out := reflect.MakeMap(field.Type())
	for _, key := range field.MapKeys() { // of an earlier file
		out.SetMapIndex(key, field.MapIndex(key))
	}
	for key, v := range table {
		value := reflect.New(field.Type().Elem()).Elem()
		if text, ok := v.(string); ok && value.Kind() == reflect.Slice {
			v = []any{text}
		}
		c.set(value, v, at.key(key))
		out.SetMapIndex(reflect.ValueOf(key), value)
	}
	field.Set(out)
}

func (c *configReader) setStrings(field reflect.Value, list []any, at place) {
	out := make([]string, len(list))
	for i, v := range list {
		s, ok := v.(string)
		if !ok {
			c.wrongType(at.index(i), "a string", v)
		}
		out[i] = s
	}
	field.Set(reflect.ValueOf(out).Convert(field.Type()))
}

// setTables fills a slice of raw structs from [[name]] tables, or from the
// same written as an array of inline tables.
func (c *configReader) setTables(field reflect.Value, v any, at place) {
	var tables []map[string]any
	switch list := v.(type) {
	case []map[string]any:
		tables = list
	case []any:
		for i, e := range list {
			t, ok := e.(map[string]any)
			if !ok {
				c.wrongType(at.index(field.Len()+i), "a table", e)
			}
			tables = append(tables, t)
		}
	default:
		c.problem(at, at, "want tables, each headed [[%s]], got %s", at, typeName(v))
		return
	}
	n := field.Len() // of earlier files
	out := reflect.MakeSlice(field.Type(), n+len(tables), n+len(tables))
	reflect.Copy(out, field)
	for i, t := range tables {
		if start, ok := c.start(field.Type().Elem()); ok {
			out.Index(n + i).Set(start)
		}
		c.fill(out.Index(n+i), t, at.index(n+i))
	}
	field.Set(out)
}

// start is what a table of that type holds before anything is written.
func (c *configReader) start(t reflect.Type) (reflect.Value, bool) {
	switch t {
	case reflect.TypeFor[rawMonitor]():
		return reflect.ValueOf(defaultRawMonitor()), true
	case reflect.TypeFor[rawRule]():
		return reflect.ValueOf(defaultRawRule()), true
	case reflect.TypeFor[rawProbe]():
		return reflect.ValueOf(defaultRawProbe()), true
	case reflect.TypeFor[rawNotify]():
		return reflect.ValueOf(defaultRawNotify()), true
	}
	return reflect.Value{}, false
}

func (c *configReader) wrongType(at place, want string, got any) {
	if at == "interval" {
		want = wantInterval
	}
	c.problem(at, at, "want %s, got %s", want, typeName(got))
}

// wanted says what to write for a field of that type.
func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		if t == reflect.TypeFor[figure]() {
			return "a number, or one with its unit as a string"
		}
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "a list of strings"
	case reflect.Struct, reflect.Map:
		return "a table"
	}
	return t.String()
}

// typeName says what was written instead.
func typeName(v any) string {
	switch v := v.(type) {
	case string:
		return fmt.Sprintf("the string %s", quoted(v))
	case bool:
		return fmt.Sprintf("%t", v)
	case int64:
		return fmt.Sprintf("the number %d", v)
	case float64:
		return fmt.Sprintf("the number %g", v)
	case time.Time:
		return "a date"
	case map[string]any:
		return "a table"
	}
	return "a list"
}

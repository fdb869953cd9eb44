package generate

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Tried is what came of one case, as far as coverage counts it.
type Tried struct {
	*Case
	// Status is the HTTP status; 0 where no response tells anything. Code is the word of the body
	// that says what it is.
	Status int
	Code   string
	// Failed says that the response broke a rule of level fail.
	Failed bool
}

// RequestCoverage says what was tried of the requests that the schema describes, and which responses of
// the documented ones were seen.
type RequestCoverage struct {
	Rows []CoverageRow `json:"rows"`
	// Responses are the documented statuses, error codes and those seen beyond them.
	Responses []ResponseSeen `json:"responses"`
}

// CoverageRow is one keyword of one member, or of a part of the request in parentheses. The
// keyword valid stands for requests that have the member as it should be.
type CoverageRow struct {
	Place   string `json:"place"`
	Keyword string `json:"keyword"`
	// Tried are requests whose response tells something, Failed those of them that failed.
	Tried  int `json:"tried"`
	Failed int `json:"failed"`
}

// ResponseSeen is one documented response: an HTTP status with a code.
type ResponseSeen struct {
	Status string `json:"status"`
	Code   string `json:"code"`
	Seen   int    `json:"seen"`
}

// Cover counts what was tried. Keywords that the schema has, or one of all cases is about, and that
// nobody tried, are there with 0.
func Cover(s *Schema, all []Case, tried []Tried) RequestCoverage {
	rows := map[[2]string]*CoverageRow{}
	row := func(place, keyword string) *CoverageRow {
		key := [2]string{place, keyword}
		if rows[key] == nil {
			rows[key] = &CoverageRow{Place: place, Keyword: keyword}
		}
		return rows[key]
	}
	order := map[string]int{}
	s.Body.walk(nil, func(path []string, v *Value) {
		order[dotted(path)] = len(order) + 1
		for _, keyword := range v.keywords() {
			row(dotted(path), keyword)
		}
		for _, name := range v.needed(nil) {
			row(dotted(append(slices.Clone(path), name)), "required")
		}
	})
	for _, place := range []string{theHeader, thePath, theMethod, theToken} {
		order[place] = len(order) + 1
	}
	for i := range all {
		row(all[i].Place, all[i].Keyword)
	}
	for _, t := range tried {
		if t.Status != 0 {
			t.count(s, row)
		}
	}
	c := RequestCoverage{Responses: s.responses(tried)}
	for _, r := range rows {
		c.Rows = append(c.Rows, *r)
	}
	slices.SortFunc(c.Rows, func(a, b CoverageRow) int {
		return cmp.Or(order[a.Place]-order[b.Place], strings.Compare(a.Place, b.Place),
			cmp.Compare(b2i(a.Keyword != "valid"), b2i(b.Keyword != "valid")), strings.Compare(a.Keyword,
				b.Keyword))
	})
	return c
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (t *Tried) count(s *Schema, row func(place, keyword string) *CoverageRow) {
	places := map[string]bool{}
	if body, ok := parse(t.Request.Body); ok && t.Expect == Valid {
		s.Body.walk(nil, func(path []string, _ *Value) {
			if body.at(path) != nil {
				places[dotted(path)] = true
			}
		})
	}
	if t.Keyword == "valid" && t.Expect != Refused {
		places[t.Place] = true
	}
	for place := range places {
		row(place, "valid").add(t.Failed)
	}
	if t.Keyword != "valid" {
		row(t.Place, t.Keyword).add(t.Failed)
	}
}

func (r *CoverageRow) add(failed bool) {
	r.Tried++
	r.Failed += b2i(failed)
}

// keywords are those of a value that requests can be right or wrong in.
func (v *Value) keywords() (names []string) {
	names = append(names, "valid")
	for _, k := range []struct {
		name string
		has  bool
	}{
		{"type", len(v.Types) > 0}, {keywordNull, len(v.Types) > 0 && !v.is("null")},
		{"enum", len(v.Enum) > 0}, {"pattern", v.Pattern != nil},
		{"format", v.Format != ""}, {"minLength", v.MinLength > 0}, {"maxLength", v.MaxLength > 0},
	} {
		if k.has {
			names = append(names, k.name)
		}
	}
	return names
}

// responses are the documented responses, and those that were seen beyond them, by status.
func (s *Schema) responses(tried []Tried) (all []ResponseSeen) {
	seen := map[[2]string]int{}
	for _, status := range s.Statuses {
		seen[[2]string{"201", status}] = 0
	}
	for _, status := range s.documentedStatuses() {
		for _, code := range s.Codes[status] {
			seen[[2]string{status, code}] = 0
		}
	}
	for _, t := range tried {
		if t.Status != 0 {
			seen[[2]string{strconv.Itoa(t.Status), t.Code}]++
		}
	}
	for key, n := range seen {
		all = append(all, ResponseSeen{key[0], key[1], n})
	}
	slices.SortFunc(all, func(a, b ResponseSeen) int {
		return cmp.Or(strings.Compare(a.Status, b.Status), strings.Compare(a.Code, b.Code))
	})
	return all
}

// Places are the coverage by place, in the order of the rows.
func (c *RequestCoverage) Places() (names []string, rows map[string][]CoverageRow) {
	rows = map[string][]CoverageRow{}
	for _, r := range c.Rows {
		if rows[r.Place] == nil {
			names = append(names, r.Place)
		}
		rows[r.Place] = append(rows[r.Place], r)
	}
	return names, rows
}

// Share is how many keywords were tried, of how many.
func (c *RequestCoverage) Share() (tried, all int) {
	for _, r := range c.Rows {
		tried += b2i(r.Tried > 0)
	}
	return tried, len(c.Rows)
}

// NeverSeen are the documented responses that nobody saw, by HTTP status.
func (c *RequestCoverage) NeverSeen() (names []string) {
	byStatus := map[string][]string{}
	for _, r := range c.Responses {
		if r.Seen == 0 {
			byStatus[r.Status] = append(byStatus[r.Status], r.Code)
		}
	}
	for _, status := range slices.Sorted(maps.Keys(byStatus)) {
		names = append(names, status+" "+strings.Join(byStatus[status], ", "))
	}
	return names
}

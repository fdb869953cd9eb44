package generate

import (
	"slices"
	"strings"
)

// Shrink looks for a smaller request that fails as well. It asks fails for at most so many
// requests, never twice for the same one, and returns the smallest that failed and how many it
// asked for. Fails says false too where it can't tell. Only requests are tried that have the same
// fault, or none like the case.
func (schema *Schema) Shrink(c *Case, max int, fails func(Request) bool) (smallest Request, sends int) {
	s := &shrinker{schema: schema, c: c, best: c.Request, left: max, fails: fails, tried: map[string]bool{}}
	s.tried[key(c.Request)] = true
	if c.Place != theHeader {
		s.headers()
	}
	if t, ok := parse(c.Request.Body); ok {
		s.members(t)
	} else {
		s.bytes()
	}
	return s.best, max - s.left
}

// Size is what Shrink makes smaller: the bytes of the body and of header lines.
func (r *Request) Size() int {
	n := len(r.Body)
	for _, line := range r.Headers {
		n += len(line)
	}
	return n
}

type shrinker struct {
	schema *Schema
	c      *Case
	best   Request
	left   int
	fails  func(Request) bool
	tried  map[string]bool
}

func key(r Request) string { return strings.Join(r.Headers, "\n") + "\n\n" + string(r.Body) }

// try takes a request over if it is smaller and fails.
func (s *shrinker) try(r Request) bool {
	if r.Size() >= s.best.Size() || s.left == 0 || s.tried[key(r)] || !s.schema.alike(s.c, r) {
		return false
	}
	s.left--
	s.tried[key(r)] = true
	if !s.fails(r) {
		return false
	}
	s.best = r
	return true
}

func (s *shrinker) with(body []byte) Request {
	r := s.best
	r.Body = body
	return r
}

// headers leaves out lines besides those of every request, and shortens long ones.
func (s *shrinker) headers() {
	for i := len(s.best.Headers) - 1; i >= 0; i-- {
		line := s.best.Headers[i]
		if line == contentType || strings.HasPrefix(line, "Accept: application/json") {
			continue
		}
		r := s.best
		r.Headers = slices.Delete(slices.Clone(r.Headers), i, i+1)
		if s.try(r) {
			continue
		}
		for len(line) > 1024 {
			line = line[:len(line)*3/4]
			r.Headers = slices.Clone(s.best.Headers)
			r.Headers[i] = line
			if !s.try(r) {
				break
			}
		}
	}
}

// members takes the body apart. The fault is most likely at the case's place, so that what is not
// on the way there goes first, all at once; then member by member, the largest first.
func (s *shrinker) members(t *tree) {
	if place := strings.Split(s.c.Place, "."); t.at(place) != nil {
		only := (*tree)(nil).with(place, t.at(place))
		if user := t.at([]string{"user"}); user != nil && place[0] != "user" {
			only = (*tree)(nil).with([]string{"user"}, user).with(place, t.at(place))
		}
		if s.try(s.with(only.text())) {
			t = only
		}
	}
	for changed := true; changed && s.left > 0; {
		changed = false
		for _, path := range removable(t) {
			smaller := t.without(path)
			if s.try(s.with(smaller.text())) {
				t, changed = smaller, true
				break
			}
		}
	}
	s.strings(t)
	s.try(s.with(nil))
}

// removable are the paths of all members, those with the longest texts first.
func removable(t *tree) (paths [][]string) {
	var visit func(prefix []string, t *tree)
	visit = func(prefix []string, t *tree) {
		for _, m := range t.members {
			path := append(slices.Clone(prefix), m.name)
			paths = append(paths, path)
			visit(path, m.value)
		}
	}
	visit(nil, t)
	slices.SortStableFunc(paths, func(a, b []string) int {
		return len(t.at(b).text()) - len(t.at(a).text())
	})
	return paths
}

// strings shortens long texts, by halves.
func (s *shrinker) strings(t *tree) {
	t.leaves(nil, func(path []string, value *tree) {
		text, is := unquote(value.scalar)
		for is && len(text) > 8 && s.left > 0 {
			text = strings.ToValidUTF8(text[:len(text)/2], "")
			smaller := t.with(path, scalar(quote(text)))
			if !s.try(s.with(smaller.text())) {
				break
			}
			t = smaller
		}
	})
}

// bytes shortens a body that is no JSON: from its end, from its begin, and in the middle.
func (s *shrinker) bytes() {
	for part := len(s.best.Body) / 2; part > 0 && s.left > 0; {
		b := s.best.Body
		half := len(b) / 2
		if s.try(s.with(b[:len(b)-part])) || s.try(s.with(b[part:])) ||
			s.try(s.with(slices.Concat(b[:max(half-part/2, 0)], b[min(half+part/2, len(b)):]))) {
			part = min(part, len(s.best.Body)/2)
			continue
		}
		part /= 2
	}
}

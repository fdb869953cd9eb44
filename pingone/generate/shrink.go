package generate

import (
	"bytes"
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
	if c.Place != theHeader || c.Expect != Refused {
		s.headers()
	}
	if t, ok := parse(c.Request.Body); ok {
		s.spaces(t)
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
	write  func(*tree) []byte // of bodies to try
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

// tryTree tries a body.
func (s *shrinker) tryTree(t *tree) bool { return s.try(s.with(s.write(t))) }

// headers tries header lines as those of every request: all at once, and then one by one, where
// others are left out. Long ones are shortened.
func (s *shrinker) headers() {
	plain := s.best
	plain.Headers = []string{contentType, acceptJSON}
	if s.try(plain) {
		return
	}
	for i := len(s.best.Headers) - 1; i >= 0; i-- {
		line := s.best.Headers[i]
		r := s.best
		r.Headers = slices.Clone(r.Headers)
		switch name, _, _ := strings.Cut(line, ":"); name {
		case "Content-Type":
			r.Headers[i] = contentType
		case "Accept":
			r.Headers[i] = acceptJSON
		default:
			r.Headers = slices.Delete(r.Headers, i, i+1)
		}
		if line == contentType || line == acceptJSON || s.try(r) {
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

// spaces looks for the white space that has to stay: none, that around the body, or all.
func (s *shrinker) spaces(t *tree) {
	whole := s.best.Body
	around := bytes.TrimLeft(whole, " \t\r\n")
	before := whole[:len(whole)-len(around)]
	after := around[len(bytes.TrimRight(around, " \t\r\n")):]
	s.write = (*tree).text
	if len(whole) == len(t.text()) || s.tryTree(t) {
		return
	}
	for _, ends := range [][2][]byte{{before, nil}, {nil, after}} {
		s.write = func(t *tree) []byte { return slices.Concat(ends[0], t.text(), ends[1]) }
		if s.tryTree(t) {
			return
		}
	}
	s.write = spaced
}

// members takes the body apart. What is not on the way to the case's place goes first, all at once;
// where the case is about the whole body, each other member is tried alone. Then each member that is
// left goes, the largest first.
func (s *shrinker) members(t *tree) {
	for _, only := range s.alone(t) {
		if s.tryTree(only) {
			t = only
			break
		}
	}
	failed := map[string]bool{}
	for next := true; next; {
		next = false
		for _, path := range removable(t) {
			if name := strings.Join(path, "."); !failed[name] {
				smaller := t.without(path)
				next = true
				if s.tryTree(smaller) {
					t = smaller
					break
				}
				failed[name] = true
			}
		}
	}
	s.strings(t)
	s.try(s.with(nil))
}

// alone are the parts of a body of which one may fail alone, next to the user.
func (s *shrinker) alone(t *tree) (parts []*tree) {
	add := func(path ...string) {
		part := &tree{kind: '{'}
		for _, m := range t.members {
			switch {
			case m.is(path[0]):
				part.members = append(part.members, treeMember{m.name, m.value.only(path[1:])})
			case m.is("user"):
				part.members = append(part.members, m)
			}
		}
		parts = append(parts, part)
	}
	if place := strings.Split(s.c.Place, "."); t.at(place) != nil {
		add(place...)
		return parts
	}
	if t.at([]string{"user"}) != nil {
		add("user")
	}
	if len(t.members) > 2 {
		for _, m := range t.members {
			add(m.name)
		}
	}
	return parts
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
			if !s.tryTree(smaller) {
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

package generate

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Mask takes what is personal out of failures that are kept, and puts it back before they are sent
// again: the users' IDs, what belongs to them, and the transaction that can be read. In place of a
// text, or of a part of one, there is {{name}} or {{name:from-to}}, in bytes. Names are user1, user2
// and so on, transaction, and paths of members; a suffix such as .upper says in which form.
type Mask struct {
	forms []maskForm
	texts map[string]string // by name
	grams map[string][]gram // where the first bytes of a part may stand
}

type maskForm struct {
	name, text string
	whole      bool // only its beginning counts, for others may look like its end
}

// gram is a place in a form.
type gram struct{ form, from int }

// minPart is how many bytes of a text tell it from others.
const minPart = 6

// NewMask returns a mask of what cases are made of.
func NewMask(in *Input) *Mask {
	m := &Mask{texts: map[string]string{openName: "{{"}, grams: map[string][]gram{}}
	for i, user := range in.Users {
		m.id(fmt.Sprint("user", i+1), user)
	}
	m.id("transaction", in.Transaction)
	in.Schema.Body.walk(nil, func(path []string, v *Value) {
		known := in.Known[dotted(path)]
		text, is := unquote(known)
		switch {
		case is && v.Owned:
			m.id(dotted(path), text)
		case is && v.Personal:
			m.add(dotted(path), text, true)
			m.add(dotted(path)+".json", known[1:len(known)-1], true)
		}
	})
	return m
}

// id adds the forms in which cases have an ID.
func (m *Mask) id(name, id string) {
	low := strings.ToLower(id)
	m.add(name, id, false)
	m.add(name+".lower", low, false)
	m.add(name+".upper", strings.ToUpper(id), false)
	m.add(name+".bare", strings.ReplaceAll(id, "-", ""), false)
	m.add(name+".utf16", utf16(id), false)
}

func (m *Mask) add(name, text string, whole bool) {
	m.texts[name] = text
	if len(text) < minPart || slices.ContainsFunc(m.forms, func(f maskForm) bool { return f.text == text }) {
		return
	}
	m.forms = append(m.forms, maskForm{name, text, whole})
	for from := range len(text) - minPart + 1 {
		if from == 0 || !whole {
			key := text[from : from+minPart]
			m.grams[key] = append(m.grams[key], gram{len(m.forms) - 1, from})
		}
	}
}

// openName stands for two braces that begin no name.
const openName = "open"

// Hide replaces what is personal.
func (m *Mask) Hide(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); {
		name, length := m.at(text[i:])
		if length == 0 {
			b.WriteByte(text[i])
			i++
			continue
		}
		b.WriteString("{{" + name + "}}")
		i += length
	}
	return b.String()
}

// at is the longest part of a form that a text begins with; length is 0 for none.
func (m *Mask) at(text string) (name string, length int) {
	if strings.HasPrefix(text, "{{") {
		return openName, len("{{")
	}
	if len(text) < minPart {
		return "", 0
	}
	for _, g := range m.grams[text[:minPart]] {
		f := &m.forms[g.form]
		n := minPart
		for n < len(text) && g.from+n < len(f.text) && text[n] == f.text[g.from+n] {
			n++
		}
		if n <= length {
			continue
		}
		if name, length = f.name, n; n < len(f.text) {
			name = fmt.Sprintf("%s:%d-%d", f.name, g.from, g.from+n)
		}
	}
	return name, length
}

var hiddenPart = regexp.MustCompile(`\{\{([A-Za-z0-9.]+)(?::(\d{1,6})-(\d{1,6}))?\}\}`)

// Fill puts back what [Mask.Hide] replaced. Missing names what there is not: a user, a device.
func (m *Mask) Fill(text string) (filled, missing string) {
	filled = hiddenPart.ReplaceAllStringFunc(text, func(part string) string {
		found := hiddenPart.FindStringSubmatch(part)
		value, has := m.texts[found[1]]
		from, to := 0, len(value)
		if found[2] != "" {
			from, _ = strconv.Atoi(found[2])
			to, _ = strconv.Atoi(found[3])
		}
		if !has || value == "" || from > to || to > len(value) {
			missing = found[1]
			return part
		}
		return value[from:to]
	})
	return filled, missing
}

// Masked is the failure as it is kept.
func (m *Mask) Masked(f FailedCase) FailedCase {
	return f.with(m.Hide)
}

// Filled is a failure that was kept, as it is sent.
func (m *Mask) Filled(f FailedCase) (filled FailedCase, missing string) {
	return f.with(func(text string) string {
		text, without := m.Fill(text)
		if without != "" {
			missing = without
		}
		return text
	}), missing
}

// NeedsTransaction says whether a failure that was kept has something that only the response to a
// request for a user tells.
func (f FailedCase) NeedsTransaction() (needs bool) {
	f.with(func(text string) string {
		for _, part := range hiddenPart.FindAllStringSubmatch(text, -1) {
			needs = needs || !strings.HasPrefix(part[1], "user") && part[1] != openName
		}
		return text
	})
	return needs
}

// with is the failure with its texts changed that may hold what is personal.
func (f FailedCase) with(change func(string) string) FailedCase {
	request := func(r Request) Request {
		if r.Path = change(r.Path); r.Body != nil {
			r.Body = []byte(change(string(r.Body)))
		}
		return r
	}
	one := func(c Case) Case {
		c.User, c.Request = change(c.User), request(c.Request)
		c.Personal = slices.Clone(c.Personal)
		for i := range c.Personal {
			c.Personal[i] = change(c.Personal[i])
		}
		return c
	}
	f.At, f.Expected, f.Received = change(f.At), change(f.Expected), change(f.Received)
	f.Case, f.Others = one(f.Case), slices.Clone(f.Others)
	for i := range f.Others {
		f.Others[i] = one(f.Others[i])
	}
	if f.Smallest != nil {
		smallest := request(*f.Smallest)
		f.Smallest = &smallest
	}
	return f
}

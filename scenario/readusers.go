package scenario

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"mfaload/internal/disk"
	"mfaload/scenario/form"
	"mfaload/scenario/users"
)

// ReadUsers reads the files of users that the scenario names, and standard
// input where one of them is it: everything is read before the start, so that
// every ID is checked and any order can be kept. The error is [form.Problems] with
// places in those files: users who are malformed or there twice, in the same or
// in another group. A scenario that was read must be closed.
func (s *Scenario) ReadUsers(stdin io.Reader) error {
	var problems form.Problems
	var stores []*users.Store
	var at []int // the group of each store
	for i := range s.Groups {
		g := &s.Groups[i]
		if g.File.Path == "" || g.Users != nil {
			continue
		}
		found, err := s.readGroup(g, stdin)
		if err != nil {
			s.Close()
			return err
		}
		problems = append(problems, found...)
		stores, at = append(stores, g.Users.Store), append(at, i)
	}
	if len(stores) == 0 {
		return nil
	}
	twice, err := s.twice(stores, at)
	if err != nil {
		s.Close()
		return err
	}
	if problems = append(problems, twice...); len(problems) > 0 {
		s.Close()
		return problems
	}
	return nil
}

// Close gives up what the scenario's users take of the disk.
func (s *Scenario) Close() (err error) {
	for i := range s.Groups {
		if file := s.Groups[i].Users; file != nil {
			err = errors.Join(err, file.Store.Close())
		}
	}
	return err
}

// readGroup reads a group's file. The error is one of reading; whatever is
// wrong with the rows is in the problems.
func (s *Scenario) readGroup(g *Group, stdin io.Reader) (form.Problems, error) {
	g.Users = &Users{Store: &users.Store{}}
	r, name := stdin, "stdin"
	if g.File.Path != Stdin {
		name = g.File.path(s.File)
		f, err := disk.Open(name)
		if err != nil {
			return form.Problems{unreadable(g, err)}, nil
		}
		defer f.Close()
		r = f
	}
	digest := sha256.New()
	reading := &userFile{Decoder: form.NewDecoder(name, nil, nil), users: g.Users, kinds: map[string]uint16{}}
	// What is wrong with a row must not keep the digest from the whole file:
	// with a problem there is no run.
	err := users.Scan(io.TeeReader(r, digest), reading.row, reading.bad)
	if err == nil {
		err = g.Users.Store.Flush()
	}
	if err != nil {
		var path *fs.PathError
		if errors.As(err, &path) && g.File.Path != Stdin && path.Path == name {
			return form.Problems{unreadable(g, err)}, nil
		}
		return nil, fmt.Errorf("read the users of group %s from %s: %w: check the file, and the room for "+
			"temporary files", g.Name, name, err)
	}
	if g.Users.Store.Len() == 0 && reading.IsSound() {
		reading.FailAt(1, 1, "the file has no users", "write one user's ID in each line below the header")
	}
	g.Users.Digest = hex.EncodeToString(digest.Sum(nil))
	return reading.Problems(), nil
}

func unreadable(g *Group, err error) form.Problem {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return form.Problem{Pos: g.File.Pos,
		Text: fmt.Sprintf("the users of group %q can't be read from %q: %v", g.Name, form.Clip(g.File.Path),
			err),
		Remedy: "check the path: it counts from the scenario's folder"}
}

// userFile is a file of users that is being read.
type userFile struct {
	*form.Decoder
	users *Users
	kinds map[string]uint16
	key   []byte
}

func (u *userFile) bad(p users.RowProblem) { u.FailAt(p.Line, p.Column, p.Text, p.Remedy) }

// maxKinds bounds the different overrides in a file: each is prepared as a
// group of its own.
const maxKinds = 4096

func (u *userFile) row(r *users.Row) error {
	kind := uint16(0)
	if len(r.Expect.Text) > 0 || len(r.Policy.Text) > 0 {
		var known bool
		u.key = append(append(append(u.key[:0], r.Expect.Text...), 0), r.Policy.Text...)
		if kind, known = u.kinds[string(u.key)]; !known {
			var sound bool
			if kind, sound = u.newKind(r); !sound {
				return nil
			}
		}
	}
	return u.users.Store.Add(users.StoredRow{ID: r.ID, Case: r.Case, Kind: kind, Line: r.Line,
		Column: r.Column})
}

// newKind reads overrides that no row had before.
func (u *userFile) newKind(r *users.Row) (kind uint16, sound bool) {
	k := Kind{Policy: string(r.Policy.Text)}
	if _, isID := users.ParseID(r.Policy.Text); k.Policy != "" && !isID {
		u.FailAt(r.Policy.Line, r.Policy.Column,
			fmt.Sprintf("policy: %s is not an ID: 36 characters, 8-4-4-4-12 hexadecimal digits",
				users.Quote(r.Policy.Text)),
			"write the policy's ID, or nothing for that of the group")
		return 0, false
	}
	if len(r.Expect.Text) > 0 {
		e, flaw := parseExpect(string(r.Expect.Text))
		if flaw != nil {
			u.FailAt(r.Expect.Line, r.Expect.Column,
				fmt.Sprintf("expect: %s %s", users.Quote(r.Expect.Text), flaw.Reason), flaw.Remedy)
			return 0, false
		}
		k.Expect = &e
	}
	if len(u.users.Kinds) == maxKinds {
		u.FailAt(int(r.Line), int(r.Column),
			fmt.Sprintf("the file has more than %d different pairs of expect and policy", maxKinds),
			"split it over several files")
		return 0, false
	}
	u.users.Kinds = append(u.users.Kinds, k)
	kind = uint16(len(u.users.Kinds))
	u.kinds[string(u.key)] = kind
	return kind, true
}

// twice finds users who are there more than once, those of lists included.
func (s *Scenario) twice(stores []*users.Store, at []int) (form.Problems, error) {
	lists := &users.Store{}
	defer lists.Close()
	var groups []int // by row of lists
	for i, g := range s.Groups {
		for _, text := range g.IDs {
			if id, ok := users.ParseID(text); ok {
				groups = append(groups, i)
				if err := lists.Add(users.StoredRow{ID: id}); err != nil {
					return nil, err
				}
			}
		}
	}
	if err := lists.Flush(); err != nil {
		return nil, err
	}
	stores = append([]*users.Store{lists}, stores...)
	found, more, err := users.Duplicates(stores, form.MaxProblems)
	if err != nil {
		return nil, err
	}
	var problems form.Problems
	for _, f := range found {
		row, err := stores[f.Row.Store].Cursor().At(f.Row.Row)
		if err != nil {
			return nil, err
		}
		first, err := stores[f.First.Store].Cursor().At(f.First.Row)
		if err != nil {
			return nil, err
		}
		pos := s.place(at, f.Row, row)
		remedy := ""
		switch {
		case f.First.Store == 0:
			remedy = fmt.Sprintf("remove one of them: the user is already in group %q",
				s.Groups[groups[f.First.Row]].Name)
		case f.First.Store == f.Row.Store:
			remedy = fmt.Sprintf("remove one of them; the first is in line %d", first.Line)
		default:
			remedy = fmt.Sprintf("remove one of them; the first is at %v, in group %q",
				s.place(at, f.First, first), s.Groups[at[f.First.Store-1]].Name)
		}
		problems = append(problems, form.Problem{Pos: pos,
			Text: fmt.Sprintf("userID: %q is there twice", row.ID.Text(row.Case)), Remedy: remedy})
	}
	if more {
		last := problems[len(problems)-1].Pos
		problems = append(problems, form.Problem{Pos: last,
			Text: "more users are there twice, here and elsewhere", Remedy: "mend these first"})
	}
	return problems, nil
}

// place is where a row of a file is.
func (s *Scenario) place(at []int, w users.Where, e users.StoredRow) form.Pos {
	source := s.Groups[at[w.Store-1]].File
	name := "stdin"
	if source.Path != Stdin {
		name = source.path(s.File)
	}
	return form.Pos{File: name, Line: int(e.Line), Column: int(e.Column)}
}

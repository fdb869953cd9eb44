package accesslog

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"mfaload/internal/disk"
	"mfaload/internal/text"
	"mfaload/scenario/form"
	"mfaload/scenario/users"
)

// userPool are the users that replace those of a log.
type userPool struct {
	store     users.Store
	overrides []override // by kind; the first is that of a user without
}

// override is what a file of users says of some, in the place of their group.
type override struct{ expect, policy string }

// maxOverrides bounds the different ones, as a scenario does.
const maxOverrides = 4096

// readPool reads a file of users. Without a file there are none.
func readPool(file string) (*userPool, error) {
	p := &userPool{overrides: make([]override, 1)}
	if file == "" {
		return p, nil
	}
	f, err := disk.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	d := form.NewDecoder(file, nil, nil)
	kinds := map[override]uint16{{}: 0}
	err = users.Scan(f, func(r *users.Row) error {
		o := override{string(r.Expect.Text), string(r.Policy.Text)}
		kind, known := kinds[o]
		if !known {
			if len(kinds) > maxOverrides {
				d.FailAt(int(r.Line), int(r.Column), fmt.Sprintf("the file has more than %d different pairs "+
					"of expect and policy", maxOverrides), "remove some")
				return nil
			}
			kind = uint16(len(kinds))
			kinds[o], p.overrides = kind, append(p.overrides, o)
		}
		return p.store.Add(users.StoredRow{ID: r.ID, Case: r.Case, Kind: kind, Line: r.Line,
			Column: r.Column})
	}, func(bad users.RowProblem) { d.FailAt(bad.Line, bad.Column, bad.Text, bad.Remedy) })
	if err == nil {
		err = p.store.Flush()
	}
	if err == nil {
		err = p.refuseDuplicates(d)
	}
	if err == nil && !d.IsSound() {
		err = d.Problems()
	}
	if err != nil {
		p.close()
		return nil, fmt.Errorf("read the users of %s: %w", file, err)
	}
	return p, nil
}

// refuseDuplicates refuses a user who would stand for two of the log.
func (p *userPool) refuseDuplicates(d *form.Decoder) error {
	found, _, err := users.Duplicates([]*users.Store{&p.store}, form.MaxProblems)
	if err != nil {
		return err
	}
	cursor := p.store.Cursor()
	for _, f := range found {
		row, err := cursor.At(f.Row.Row)
		if err != nil {
			return err
		}
		d.FailAt(int(row.Line), int(row.Column), "the user is a duplicate", "remove one of them")
	}
	return nil
}

func (p *userPool) len() int { return p.store.Len() }

func (p *userPool) close() { _ = p.store.Close() }

// recordingRow is a row as a recording has it.
type recordingRow struct {
	Time   string `json:"time"`
	UserID string `json:"userID,omitempty"`
	Expect string `json:"expect,omitempty"`
	Policy string `json:"policy,omitempty"`
}

// rowWriter returns what writes requests, with the users of the pool in the place of their own.
func (p *userPool) rowWriter(w io.Writer, ndjson bool) func(*loggedRequest) error {
	cursor := p.store.Cursor()
	write := csvWriter(w, p.len() > 0, len(p.overrides) > 1)
	if ndjson {
		encode := json.NewEncoder(w)
		write = func(row *recordingRow) error { return encode.Encode(row) }
	}
	return func(r *loggedRequest) error {
		row := recordingRow{Time: time.Unix(0, r.at).UTC().Format(timeLayout(int(r.decimals)))}
		if at := int(r.user) - 1; at >= 0 && at < p.len() {
			user, err := cursor.At(at)
			if err != nil {
				return err
			}
			o := p.overrides[user.Kind]
			row.UserID, row.Expect, row.Policy = user.ID.Text(user.Case), o.expect, o.policy
		}
		if err := write(&row); err != nil {
			return fmt.Errorf("write the recording: %w\n%s", err, text.Hint("check the room on the disk"))
		}
		return nil
	}
}

// csvWriter writes the columns that are needed, below a header.
func csvWriter(w io.Writer, hasUsers, hasOverrides bool) func(*recordingRow) error {
	columns := 1
	if hasUsers {
		columns = 2
	}
	if hasOverrides {
		columns = 4
	}
	out := csv.NewWriter(w)
	begun := false
	return func(row *recordingRow) error {
		if !begun {
			begun = true
			_ = out.Write([]string{"time", "userID", "expect", "policy"}[:columns])
		}
		_ = out.Write([]string{row.Time, row.UserID, row.Expect, row.Policy}[:columns])
		out.Flush()
		return out.Error()
	}
}

// timeLayout is that of RFC 3339 with so many decimals.
func timeLayout(decimals int) string {
	const second = "2006-01-02T15:04:05"
	if decimals == 0 {
		return second + "Z07:00"
	}
	return second + "." + strings.Repeat("0", decimals) + "Z07:00"
}

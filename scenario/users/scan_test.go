package users_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mfaload/scenario/users"
)

const (
	idA = "788d4931-6936-43f2-82ff-178f5762298a"
	idB = "00000000-0000-0000-0000-00000000000b"
	idC = "00000000-0000-0000-0000-00000000000c"
)

// scan reads a text and writes down what was found: rows as
// "line:column id expect policy", problems as "line:column! text".
func scan(t testing.TB, text string) (got []string) {
	t.Helper()
	err := users.Scan(strings.NewReader(text), func(r *users.Row) error {
		s := fmt.Sprintf("%d:%d %s", r.Line, r.Column, r.ID)
		for _, c := range []users.PlacedText{r.Expect, r.Policy} {
			if len(c.Text) > 0 {
				s += fmt.Sprintf(" %d:%d %s", c.Line, c.Column, c.Text)
			}
		}
		got = append(got, s)
		return nil
	}, func(p users.RowProblem) {
		if p.Remedy == "" {
			t.Errorf("no remedy for %s", p.Text)
		}
		got = append(got, fmt.Sprintf("%d:%d! %s", p.Line, p.Column, p.Text))
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

var scans = []struct {
	name, text string
	want       []string
}{
	{"plain", "userID\n" + idA + "\n" + idB + "\n", []string{"2:1 " + idA, "3:1 " + idB}},
	{"no last line end", "userID\n" + idA, []string{"2:1 " + idA}},
	{"byte-order mark and CRLF", "\uFEFFuserID\r\n" + idA + "\r\n" + idB + "\r\n",
		[]string{"2:1 " + idA, "3:1 " + idB}},
	{"blank lines", "\n\nuserID\n\n" + idA + "\n  \n" + idB + "\n\n", []string{"5:1 " + idA, "7:1 " + idB}},
	{"upper case", "userID\n" + strings.ToUpper(idA) + "\n", []string{"2:1 " + idA}},
	{"columns", "policy,userID,expect,_note\n" + idC + "," + idA + ",404 NOT_FOUND,x\n," + idB + ",,\n",
		[]string{"2:38 " + idA + " 2:75 404 NOT_FOUND 2:1 " + idC, "3:2 " + idB}},
	{"quotes", "userID,\"_note\"\n\"" + idA + "\",\"a \"\"b\"\", c\"\n" + idB + ",\"ü\"\n",
		[]string{"2:1 " + idA, "3:1 " + idB}},
	{"a field of several lines", "_note,userID\n\"one\ntwo\r\nthree\"," + idA + "\nx," + idB + "\n",
		[]string{"4:8 " + idA, "5:3 " + idB}},
	{"columns count characters", "_note,userID\nüü," + idA + "\n\"ü\nü\"," + idB + "\n",
		[]string{"2:4 " + idA, "4:4 " + idB}},
	{"malformed", "userID\nabc\n" + idA + "\n" + idA + " \n\"\"\n" + idA[:35] + "g\n",
		[]string{`2:1! userID: "abc" is not an ID: 36 characters, 8-4-4-4-12 hexadecimal digits`,
			"3:1 " + idA,
			`4:1! userID: "` + idA + ` " has spaces around it`, "5:1! userID is empty",
			`6:1! userID: "` + idA[:35] + `g" is not an ID: 36 characters, 8-4-4-4-12 hexadecimal digits`}},
	{"fields missing", "userID,policy\n" + idA + "\n" + idA + ",,\n",
		[]string{"2:1! the row has 1 fields, the header 2", "3:1! the row has 3 fields, the header 2"}},
	{"no header", idA + "\n" + idB + "\n", []string{`1:1! unknown column "` + idA + `"`}},
	{"semicolons", "userID;policy\n", []string{`1:1! unknown column "userID;policy"`}},
	{"column mistyped", "userid,email\n",
		[]string{`1:1! unknown column "userid"`, `1:8! unknown column "email"`}},
	{"column twice", "userID,userID\n", []string{"1:8! the column userID is a duplicate"}},
	{"no userID", "policy\n" + idA + "\n", []string{"1:1! the header has no column userID"}},
	{"empty", "", []string{"1:1! the file is empty"}},
	{"blank", "\n \n", []string{"1:1! the file is empty"}},
	{"header only", "userID\n", nil},
	{"UTF-16", "\xff\xfeu\x00", []string{"1:1! the file is UTF-16"}},
	{"quote not closed", "userID,_note\n" + idA + ",x\n" + idB + ",\"a\nb\n",
		[]string{"2:1 " + idA, "3:38! a quote is not closed"}},
	{"quote within", "userID,_note\n" + idA + ",x\"y\n", []string{"2:39! a quote stands within a field"}},
	{"after a quote", "userID,_note\n" + idA + ",\"x\"y\n",
		[]string{"2:41! something stands between a quote and the comma"}},
	{"a row too long", "userID,_note\n" + idA + ",x\n" + idB + "," + strings.Repeat("x", users.MaxRow) + "\n",
		[]string{"2:1 " + idA, "3:1! a row has more than 64 KB"}},
	{"a quote that swallows the file", "userID,_note\n" + idA + ",\"\n" + strings.Repeat(idB+",x\n", 3000),
		[]string{"2:38! a quote is not closed within 64 KB"}},

	{"sep=, of a spreadsheet", "sep=,\r\nuserID,_n\r\n" + idA + ",1\r\n", []string{"3:1 " + idA}},
	{"two byte-order marks", "\uFEFF\uFEFFuserID\n" + idA + "\n", []string{"2:1 " + idA}},
	{"an array", `[{"userID":"` + idA + `"}]`, []string{"1:1! the file is a JSON array"}},

	{"objects", `{"userID":"` + idA + `"}` + "\n\n" + ` { "policy" : "p", "userID": "` + idB +
		`", "_x": {"a": [1]}, "expect":"404"} ` + "\r\n",
		[]string{"1:11 " + idA, "3:30 " + idB + " 3:97 404 3:15 p"}},
	{"objects with faults",
		`{"userID":"x"}` + "\n" + `{"user":1,"userID":"` + idA + `"}` + "\n" + `{}` + "\n" + `[1]` + "\n" +
			`{"userID":5}` + "\n" +
			`{"userID":"` + idA + `"} x` + "\n" + `{"userID":"` + idA + `","userID":"` + idA + `"}` + "\n" +
			`{"userID":"` + idB + `"}`,
		[]string{`1:11! userID: "x" is not an ID: 36 characters, 8-4-4-4-12 hexadecimal digits`,
			`2:2! unknown member "user"`,
			"3:1! userID is missing", "4:2! not a JSON object: the line does not hold one object",
			"5:11! userID is not a text",
			"6:50! not a JSON object: the line does not hold one object",
			"7:50! not a JSON object: duplicate object member name", "8:11 " + idB}},
}

func TestScan(t *testing.T) {
	for _, test := range scans {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, scan(t, test.text)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// What spreadsheets, editors and exports make of a file of users: each gets the
// problem and the remedy that fits, once.
func TestFilesOfSpreadsheetsAndEditors(t *testing.T) {
	id := func(format string) string { return "userID\n" + strings.ReplaceAll(format, "ID", idA) + "\n" }
	long := "userID\r" + strings.Repeat(idA+"\r", 3000)
	for text, want := range map[string]string{
		"sep=;\r\nuserID;expect\r\n" + idA +
			";201\r\n": `1:1 "sep=;" asks a spreadsheet for another separator: remove this line, and ` +
			`separate the columns with commas`,
		"\"sep=;\"\r\nuserID\r\n": `1:1 "\"sep=;\"" asks a spreadsheet for another separator: remove ` +
			`this line, and separate the columns with commas`,
		"SEP=\t\nuserID\texpect\n": `1:1 "SEP=\t" asks a spreadsheet for another separator: remove this ` +
			`line, and separate the columns with commas`,
		"userID;expect\n": `1:1 unknown column "userID;expect": separate the columns with commas`,
		"userID,\n" + idA +
			",\n": "1:8 column 2 has no name: remove the comma at the end of every line, or give the " +
			"column a name that starts with an underscore",
		"userID,,\n" + idA +
			",,\n": "1:8 column 2 has no name: remove the comma at the end of every line, or give the " +
			"column a name that starts with an underscore",
		id("ID,"): "2:1 the row has 2 fields, the header 1: remove the comma at the end of the row",
		"userID\r" + idA +
			"\r": "1:1 the lines end in CR alone: save the file with line ends LF or CRLF",
		long: "1:1 the lines end in CR alone: save the file with line ends LF or CRLF",
		id("ID\r" + idB): `2:1 userID: "` + idA + `\r` + idB +
			`" has a CR in it: save the file with line ends LF or CRLF`,
		`{"userID":"` + idA + `"}` + "\r" + `{"userID":"` + idB +
			`"}`: "1:52 not a JSON object: the line does not hold one object: save the file with " +
			"line ends LF or CRLF",
		"User ID\n" + idA + "\n": `1:1 unknown column "User ID": did you mean "userID"?`,
		"user_id\n" + idA + "\n": `1:1 unknown column "user_id": did you mean "userID"?`,
		"id\n" + idA + "\n":      `1:1 unknown column "id": did you mean "userID"?`,
		"\u200buserID\n" + idA +
			"\n": `1:1 unknown column "\u200buserID": did you mean "userID"?`,
		"# mine\nuserID\n" + idA +
			"\n": `1:1 unknown column (its name is not shown: the file may not be one of users): remove ` +
			`the line: a file of users has no comments`,
		id("\u200bID"): `2:1 userID: "\u200b` + idA +
			`" has invisible characters in it: remove them, or write the ID again`,
		id("\uFEFFID"): `2:1 userID: "\ufeff` + idA +
			`" has invisible characters in it: remove them, or write the ID again`,
		id("'ID'"): `2:1 userID: "'` + idA +
			`'" has other characters around it: remove them: write "` + idA + `"`,
		id("{ID}"): `2:1 userID: "{` + idA +
			`}" has other characters around it: remove them: write "` + idA + `"`,
		id("\u201cID\u201d"): `2:1 userID: "“` + idA +
			`”" has other characters around it: remove them: write "` + idA + `"`,
		id(strings.ReplaceAll(idA, "-", "")): `2:1 userID: "` + strings.ReplaceAll(idA, "-", "") +
			`" has no hyphens: write them: 8-4-4-4-12 hexadecimal digits`,
		id(strings.ReplaceAll(idA, "-", "\u2011")): `2:1 userID: "` + strings.ReplaceAll(idA, "-", "\u2011") +
			`" has hyphens of a word processor: write plain ones: ` + idA,
		id(`="ID"`): "2:2 a quote stands within a field: write the value " +
			"alone, without the formula around it",
		"userID,_n\n,\n": "2:1 userID is empty: write an ID such as " + idA +
			", or remove the row",
		`["` + idA +
			`"]`: "1:1 the file is a JSON array: write one object a line, without brackets and commas: jq " +
			"-c '.[]' makes that of an array of objects",
		"\uFEFF [\n {\"userID\":\"x\"}\n]": "1:1 the file is a JSON array: write one object a " +
			"line, without brackets and commas: jq -c '.[]' makes that of an array of objects",
		`{"userID":"` + idA +
			`"},`: "1:50 not a JSON object: the line does not hold one object: remove the comma at " +
			"the end of the line",
		"\x1f\x8b\x08\x00rest\n": "1:1 the file is compressed with gzip: unpack it first, with gunzip",
		"\x28\xb5\x2f\xfd rest":  "1:1 the file is compressed with zstd: unpack it first, with unzstd",
		"BZh91AY&SY":             "1:1 the file is compressed with bzip2: unpack it first, with bunzip2",
		"\xfd7zXZ\x00rest":       "1:1 the file is compressed with xz: unpack it first, with unxz",
		"PK\x03\x04\x14": "1:1 the file is a spreadsheet (.xlsx) or a zip " +
			"archive: save the sheet as CSV UTF-8, or unpack the archive",
		"u\x00s\x00e\x00r\x00I\x00D\x00": "1:1 the file is UTF-16 without a byte-order mark: " +
			"save it as UTF-8",
		"<?xml version=\"1.0\"?>": "1:1 the file is HTML or XML: download or export the text itself",
	} {
		var got []string
		if err := users.Scan(strings.NewReader(text), func(*users.Row) error { return nil },
			func(p users.RowProblem) {
				got = append(got, fmt.Sprintf("%d:%d %s: %s", p.Line, p.Column, p.Text, p.Remedy))
			}); err != nil {
			t.Errorf("%.60q: %v", text, err)
		}
		if diff := cmp.Diff([]string{want}, got); diff != "" {
			t.Errorf("%.60q (-want +got):\n%s", text, diff)
		}
	}
}

// An error of reading, or of the caller, ends a scan and is its error.
func TestScanErrors(t *testing.T) {
	cause := errors.New("cause")
	nothing := func(users.RowProblem) {}
	for _, text := range []string{"userID\n" + idA + "\n", "userID,policy\n" + idA + ",\n",
		`{"userID":"` + idA + `"}` + "\n"} {
		broken := io.MultiReader(strings.NewReader(text), &failing{cause})
		if err := users.Scan(broken, func(*users.Row) error { return nil }, nothing); !errors.Is(err, cause) {
			t.Errorf("%q: got %v", text, err)
		}
		if err := users.Scan(strings.NewReader(text), func(*users.Row) error { return cause },
			nothing); !errors.Is(err, cause) {
			t.Errorf("%q: got %v", text, err)
		}
	}
	if err := users.Scan(&failing{cause}, nil, nothing); !errors.Is(err, cause) {
		t.Errorf("got %v", err)
	}
}

type failing struct{ err error }

func (f *failing) Read([]byte) (int, error) { return 0, f.err }

// FuzzCSV holds the reader against the standard library's: where that reads a
// file, both find the same IDs in the same lines and columns.
func FuzzCSV(f *testing.F) {
	for _, test := range scans {
		f.Add(test.text)
	}
	f.Fuzz(func(t *testing.T, body string) {
		text := "userID,_note\n" + body
		type place struct {
			id           string
			line, column int
		}
		var want, got []place
		sound := !strings.Contains(body, "\r") && len(body) < users.MaxRow // a lone CR is text to us
		r := csv.NewReader(strings.NewReader(text))
		r.FieldsPerRecord = -1
		for {
			fields, err := r.Read()
			if err == io.EOF {
				break
			}
			if err != nil {
				sound = false
				break
			}
			if line, column := r.FieldPos(0); len(fields) == 2 && line > 1 {
				if _, ok := users.ParseID(fields[0]); ok {
					want = append(want, place{strings.ToLower(fields[0]), line, column})
				}
			}
		}
		problems := 0
		if err := users.Scan(strings.NewReader(text), func(r *users.Row) error {
			got = append(got, place{r.ID.String(), int(r.Line), int(r.Column)})
			return nil
		}, func(p users.RowProblem) {
			problems++
			if p.Line < 1 || p.Line > 1+strings.Count(text, "\n") || p.Column < 1 || p.Text == "" ||
				p.Remedy == "" {
				t.Errorf("not explained: %+v", p)
			}
		}); err != nil {
			t.Fatal(err)
		}
		if !sound {
			return
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(place{})); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	})
}

// FuzzNDJSON holds every line to give a user or a problem in that line.
func FuzzNDJSON(f *testing.F) {
	for _, test := range scans {
		f.Add([]byte(test.text))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		first := []byte(`{"userID":"` + idA + `"}` + "\n")
		lines, filled := bytes.Split(append(first, body...), []byte("\n")), 0
		told := map[int]bool{}
		for _, l := range lines {
			if len(l) >= users.MaxRow {
				return
			}
			if len(bytes.TrimLeft(bytes.TrimSuffix(l, []byte("\r")), " \t")) > 0 {
				filled++
			}
		}
		if err := users.Scan(bytes.NewReader(append(first, body...)), func(r *users.Row) error {
			if told[int(r.Line)] {
				t.Errorf("line %d is told twice", r.Line)
			}
			told[int(r.Line)] = true
			return nil
		}, func(p users.RowProblem) {
			if p.Line < 1 || p.Line > len(lines) || p.Column < 1 || p.Text == "" || p.Remedy == "" {
				t.Errorf("not explained: %+v", p)
			}
			told[p.Line] = true
		}); err != nil {
			t.Fatal(err)
		}
		if len(told) != filled {
			t.Errorf("%d of %d lines were told", len(told), filled)
		}
	})
}

// Another file that was named by mistake is shown to nobody: not its first line,
// and nothing below.
func TestOtherFilesAreNotShown(t *testing.T) {
	const secret = "hunter2secret"
	for _, text := range []string{
		"root:$6$" + secret + ":19000:0:99999:7:::\nbin:*:1\n", secret + "\n",
		secret + "," + secret + "\n" + secret + "\n", "id," + secret + "\n",
		"PASSWORD=" + secret + "\n", "# " + secret + "\n", secret + ";b\n", "\"" + secret + "\",x\n",
		"\"" + secret, "_a," + secret + "\n", "policy\n" + secret + "\n",
		"policy," + secret + "\n", `{"` + secret + `":"x"}`, `{"a":"` + secret + `"}`,
		`{"` + secret + `":1,"` + secret + `":2}`, `{"a":` + secret + `}`, `["` + secret + `"]`,
	} {
		err := users.Scan(strings.NewReader(text), func(*users.Row) error { return nil },
			func(p users.RowProblem) {
				if strings.Contains(p.Text+p.Remedy, secret) || strings.Contains(p.Text+p.Remedy, "hunter2") {
					t.Errorf("%q: %s: %s", text, p.Text, p.Remedy)
				}
			})
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// FuzzRecording holds every row of a recording to have one time, and every problem a place and a remedy.
func FuzzRecording(f *testing.F) {
	for _, text := range []string{"time,userID,group,expect,policy\n2026-03-29T08:00:00.25+02:00," + idA +
		",a,201,\n",
		"seconds\n1.5\n", "milliseconds,userID\n\"1\",\n",
		"index,group,user,intended_ns\n1,a,0123456789abcdef,5\n",
		`{"time":"2026-03-29T08:00:00Z","userID":"` + idA + `"}`, `{"seconds":1.5e3}`,
		`{"index":1,"user":"` + idA + `","intended_ns":77,"outcome":"failed"}` + "\n{}", "time,seconds\n",
		`{"seconds":1,"time":"x"}`, "sep=;\n"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		rows := 0
		err := users.ScanRecording(bytes.NewReader(text), func(r *users.Row) error {
			if rows++; r.Clock == "" || r.Line == 0 || r.Column == 0 {
				t.Errorf("row %+v", r)
			}
			return nil
		}, func(p users.RowProblem) {
			if p.Line < 1 || p.Column < 1 || p.Text == "" || p.Remedy == "" {
				t.Errorf("problem %+v", p)
			}
		})
		if err != nil || rows > bytes.Count(text, []byte("\n"))+1 {
			t.Error(rows, err)
		}
	})
}

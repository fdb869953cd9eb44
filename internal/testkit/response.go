package testkit

import (
	"bytes"
	"embed"
	"fmt"
	"strconv"
	"strings"
)

// corpus has responses as plain files. Above each stands what it shows (note), what
// the contract finds in it (expect: level, rule and pointer; nothing in a response that
// is right), and what is known of its request beyond that of otp-email (fact).
//
//go:embed responses/*.http
var corpus embed.FS

// ExampleResponse is a response of the corpus.
type ExampleResponse struct {
	// Name is that of its file without .http; of most it is the rule that it breaks.
	Name string
	// Expect are the violations, each as "level rule pointer", in the order of a check.
	Expect []string
	Facts  map[string]string
	Status int
	Header [][2]string // names and values, in order
	Body   []byte
}

// Responses reads all of the corpus, in the order of names.
func Responses() (all []*ExampleResponse) {
	files, err := corpus.ReadDir("responses")
	if err != nil {
		panic(err)
	}
	for _, file := range files {
		all = append(all, ReadResponse(strings.TrimSuffix(file.Name(), ".http")))
	}
	return all
}

// ReadResponse reads one response of the corpus; it panics where it can't.
func ReadResponse(name string) *ExampleResponse {
	text, err := corpus.ReadFile("responses/" + name + ".http")
	if err != nil {
		panic(err)
	}
	r := &ExampleResponse{Name: name, Expect: []string{}, Facts: map[string]string{}}
	if err := r.parse(text); err != nil {
		panic(fmt.Errorf("%s.http: %w", name, err))
	}
	return r
}

func (r *ExampleResponse) parse(text []byte) error {
	about, text, _ := bytes.Cut(text, []byte("\n\n"))
	for line := range strings.Lines(string(about)) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch key {
		case "note":
		case "expect":
			r.Expect = append(r.Expect, value)
		case "fact":
			fact, is, _ := strings.Cut(value, " = ")
			r.Facts[fact] = is
		default:
			return fmt.Errorf("%q is none of note, expect and fact", key)
		}
	}
	head, body, _ := bytes.Cut(text, []byte("\n\n"))
	status, fields, _ := strings.Cut(string(head), "\n")
	for line := range strings.Lines(fields) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		r.Header = append(r.Header, [2]string{name, value})
	}
	r.Body = body
	var err error
	if words := strings.Fields(status); len(words) > 1 {
		r.Status, err = strconv.Atoi(words[1])
	}
	if r.Status == 0 || err != nil {
		return fmt.Errorf("%q is no status line", status)
	}
	return nil
}

// Wire is the response as a server sends it.
func (r *ExampleResponse) Wire() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %d x\r\n", r.Status)
	for _, f := range r.Header {
		fmt.Fprintf(&b, "%s: %s\r\n", f[0], f[1])
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(r.Body), r.Body)
	return b.Bytes()
}

package session

import (
	_ "embed" // validation.schema.json
	"errors"
	"fmt"
	"strings"

	"mfaload/internal/text"
	"mfaload/scenario/form"
)

// ValidationSchema names the format of a [Validation].
const ValidationSchema = "mfaload/validation/v1"

//go:embed validation.schema.json
var validationSchema []byte

// ValidationJSONSchema is the JSON Schema of a [Validation].
func ValidationJSONSchema() []byte { return validationSchema }

// Validation is what 'mfaload validate --format json' prints: all that is wrong with some files.
type Validation struct {
	Schema string `json:"schema"`
	// Nothing is wrong with any of the files.
	Valid bool `json:"valid"`
	// In the order of the files, and of each file's lines; empty if all are valid.
	Problems []FileProblem `json:"problems"`
}

// FileProblem is one thing that is wrong with a file.
type FileProblem struct {
	// The file as it was named, a file of users that it names, or --set.
	File string `json:"file"`
	// Counts from 1; left out if the file can't be read at all.
	Line   int `json:"line,omitempty"   schema:"minimum=1"`
	Column int `json:"column,omitempty" schema:"minimum=1"`
	// The value in the file, such as load.stages[0].rate; left out if it is about no value.
	Path string `json:"path,omitempty"`
	// What is wrong. It has no secret, and no value of a variable.
	Message string `json:"message"`
	// What to do about it.
	Remedy string `json:"remedy,omitempty"`
}

// NewValidation is that of files without problems.
func NewValidation() *Validation {
	return &Validation{Schema: ValidationSchema, Valid: true, Problems: []FileProblem{}}
}

// Add adds what is wrong with a file. Its texts are safe to show.
func (v *Validation) Add(file string, err error) {
	v.Valid = false
	var problems form.Problems
	if !errors.As(err, &problems) {
		message, remedy, _ := strings.Cut(err.Error(), "\n")
		problems = form.Problems{{Pos: form.Pos{File: file}, Text: message,
			Remedy: strings.TrimSpace(remedy)}}
	}
	for _, p := range problems {
		v.Problems = append(v.Problems, FileProblem{File: p.Pos.File, Line: p.Pos.Line, Column: p.Pos.Column,
			Path: p.Path, Message: p.Text, Remedy: p.Remedy})
	}
	text.EscapeAll(v)
}

// How GitHub wants the characters written that have a meaning in its workflow commands.
var (
	githubData     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	githubProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

// GitHub are the problems as annotations of GitHub Actions, a line each.
func (v *Validation) GitHub() string {
	var b strings.Builder
	for _, p := range v.Problems {
		fmt.Fprintf(&b, "::error file=%s", githubProperty.Replace(p.File))
		if p.Line > 0 {
			fmt.Fprintf(&b, ",line=%d,col=%d", p.Line, p.Column)
		}
		message := p.Message
		if p.Remedy != "" {
			message += "\n" + p.Remedy
		}
		fmt.Fprintf(&b, "::%s\n", githubData.Replace(message))
	}
	return b.String()
}

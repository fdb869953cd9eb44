package scenario

import (
	"slices"
	"strconv"
	"strings"

	"mfaload/scenario/form"
)

const expectExample = "OTP_REQUIRED, 404 NOT_FOUND, or several: OTP_REQUIRED|COMPLETED"

// parseExpect reads the expected answers of a row, written as reports name them:
// a status, an HTTP status, or an HTTP status and a code, several with a | in
// between.
func parseExpect(text string) (e Expect, f *form.Flaw) {
	bare, worded := map[bool]bool{}, map[bool]bool{} // by whether it is a 201
	for _, answer := range strings.Split(text, "|") {
		status, word, f := parseAnswer(strings.Fields(answer))
		if f != nil {
			return Expect{}, f
		}
		if !slices.Contains(e.HTTPStatuses, status) {
			e.HTTPStatuses = append(e.HTTPStatuses, status)
		}
		isCreated := status == created
		switch {
		case word == "":
			bare[isCreated] = true
		case isCreated:
			worded[true], e.Statuses = true, append(e.Statuses, word)
		default:
			worded[false], e.Errors = true, append(e.Errors, word)
		}
	}
	for _, isCreated := range []bool{true, false} {
		if bare[isCreated] && worded[isCreated] {
			return Expect{}, form.NewFlaw("has answers with and without a word", "give all of them a word, such as 404 NOT_FOUND, or none")
		}
	}
	return e, nil
}

// parseAnswer reads one expected answer.
func parseAnswer(parts []string) (status int, word string, f *form.Flaw) {
	status = created
	if len(parts) == 0 || len(parts) > 2 {
		return 0, "", form.NewFlaw("is no answer", "write "+expectExample)
	}
	if n, err := strconv.Atoi(parts[0]); err == nil {
		if n < 100 || n > 599 || len(parts[0]) != 3 {
			return 0, "", form.NewFlaw("has no HTTP status from 100 to 599", "write "+expectExample)
		}
		status, parts = n, parts[1:]
	} else if len(parts) == 2 {
		return 0, "", form.NewFlaw("is no answer", "write "+expectExample)
	}
	if len(parts) == 0 {
		return status, "", nil
	}
	known, noun := statuses, "a status"
	if status != created {
		known, noun = errorCodes, "an error code"
	} else if slices.Contains(errorCodes, parts[0]) {
		return 0, "", form.NewFlaw("names an error without its HTTP status", "write for example 404 NOT_FOUND")
	}
	if word, f = parseWord(parts[0], noun, known); f != nil && f.Remedy == "" {
		f.Remedy = "write " + expectExample
	}
	return status, word, f
}

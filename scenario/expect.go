package scenario

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	texts "mfaload/internal/text"
	"mfaload/scenario/form"
)

// statuses, deviceTypes and errorCodes are those of the documentation.
var (
	statuses = []string{"OTP_REQUIRED", "DEVICE_SELECTION_REQUIRED", "COMPLETED",
		"PUSH_CONFIRMATION_REQUIRED",
		"PUSH_CONFIRMATION_TIMED_OUT", "ASSERTION_REQUIRED", "FAILED"}
	deviceTypes = []string{"EMAIL", "SMS", "VOICE", "WHATSAPP", "TOTP", "MOBILE", "FIDO2", "SECURITY_KEY",
		"PLATFORM",
		"OATH_TOKEN", "PINGID_MOBILE", "PINGID_DESKTOP", "PINGID_DESKTOP_GEN2", "YUBIKEY"}
	errorCodes = []string{"INVALID_DATA", "INVALID_REQUEST", "REQUEST_FAILED", "ACCESS_FAILED", "NOT_FOUND",
		"REQUEST_LIMITED", "UNEXPECTED_ERROR"}
)

// httpStatusesOf are the HTTP statuses that the documentation has for an error
// code.
var httpStatusesOf = map[string][]int{
	"INVALID_DATA": {400}, "INVALID_REQUEST": {400, 415}, "REQUEST_FAILED": {400},
	"ACCESS_FAILED": {401, 403},
	"NOT_FOUND":     {404}, "REQUEST_LIMITED": {429}, "UNEXPECTED_ERROR": {500},
}

// created is the HTTP status of an answer that has a status of its own.
const created = 201

func checkExpect(d *form.Decoder, n *form.Node, e *Expect) {
	if written := n.Get("httpStatus"); written != nil && written.Bad {
		return
	}
	onlyCreated := !slices.ContainsFunc(e.HTTPStatuses, func(s int) bool { return s != created })
	if status := n.Get("status"); status != nil && !onlyCreated {
		d.FailKey(status, d.Label(status)+" is expected with an httpStatus other than 201",
			"expect error instead of status, or only httpStatus: 201: errors have no status")
	}
	code := n.Get("error")
	switch {
	case code == nil || !onlyCreated:
	case n.Get("httpStatus") == nil:
		needsHTTPStatus(d, n, code, e.Errors)
	default:
		d.FailKey(code, d.Label(code)+" is expected with only httpStatus 201",
			"expect status instead of error, or another httpStatus: a 201 is no error")
	}
}

// needsHTTPStatus refuses error codes without an HTTP status.
func needsHTTPStatus(d *form.Decoder, n, code *form.Node, codes []string) {
	if !n.Lacks("httpStatus") {
		return
	}
	var of []string
	for _, c := range codes {
		for _, s := range httpStatusesOf[c] {
			if text := strconv.Itoa(s); !slices.Contains(of, text) {
				of = append(of, text)
			}
		}
	}
	remedy := "add the httpStatus of the error, for example httpStatus: 404"
	if len(of) > 0 {
		remedy = fmt.Sprintf("add httpStatus: %s", strings.Join(of, " or "))
	}
	d.FailKey(code, d.Label(code)+" needs an httpStatus", remedy)
}

// word is a word of the service in upper case. Documentation calls its lists
// common, so others are taken too, but not those that look mistyped.
func word(noun, example string, known []string) form.Form[string] {
	return form.Text(noun, "such as "+example, wordPattern,
		func(text string) (string, *form.Flaw) { return parseWord(text, noun, known) })
}

const wordPattern = `[A-Z][A-Z0-9]*(?:_[A-Z][A-Z0-9]*)*`

var upperCaseWord = regexp.MustCompile("^" + wordPattern + "$")

func parseWord(text, noun string, known []string) (string, *form.Flaw) {
	if slices.Contains(known, text) {
		return text, nil
	}
	best := form.Nearest(text, known)
	switch {
	case best != "" && texts.Distance(strings.ToUpper(text), best) <= 2:
		return "", form.NewFlaw("is unknown", fmt.Sprintf("did you mean %q?", best))
	case !upperCaseWord.MatchString(text):
		return "", &form.Flaw{Reason: "is not " + noun + ": upper-case words joined by _"}
	}
	return text, nil
}

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
			return Expect{},
				form.NewFlaw("has answers with and without a word",
					"give all of them a word, such as 404 NOT_FOUND, or none")
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
		return 0, "",
			form.NewFlaw("names an error without its HTTP status", "write for example 404 NOT_FOUND")
	}
	if word, f = parseWord(parts[0], noun, known); f != nil && f.Remedy == "" {
		f.Remedy = "write " + expectExample
	}
	return status, word, f
}

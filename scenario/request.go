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

type members = map[string]any

func member[V any](name string, f form.Form[V], doc string) form.Field {
	return form.Set(name, f, func(m *members, v V) {
		if *m == nil {
			*m = members{}
		}
		(*m)[name] = v
	}, doc)
}

// requestForm is the block request: the documented members of the body other than
// user. Others stand under undocumented, so that a mistyped one is not sent
// and never missed.
var requestForm = func() form.Form[members] {
	f := form.Mapping(checkRequest, []form.Field{
		member("policy", onlyID("The MFA policy's ID. The response's policy.id has to be the same."),
			"The MFA policy to follow. Default: the environment's default policy."),
		member("selectedDevice", form.Mapping(checkSelectedDevice, []form.Field{
			member("id", idText, "The ID of one of the user's devices."),
			member("oneTime", oneTimeForm,
				"A device for this request only, which the user need not have. It gets a real message "+
					"unless testMode is true."),
		}), "The device to use: one of the user's own by its id, or a oneTime device."),
		member("notification", form.Mapping[members](nil, []form.Field{
			member("template", form.Mapping[members](nil, []form.Field{
				member("name", someText, "The template's name."),
				member("variant", someText, "The template's variant."),
				member("locale",
					form.Matching("a locale", "such as en or de-CH", `[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*`,
						35, "is not a locale"), "The language of the message."),
				member("variables", dictionaryOf(someText),
					"Values of the template's variables, all of them text."),
			}), "The template of the message."),
			member("clientContext", form.AnyObject,
				"Values that a push notification hands to the mobile application."),
		}), "What the message says."),
		member("application", onlyID("The application's ID."), "The application that the user signs on to."),
		member("mobilePayload", someText,
			"What the mobile application's SDK collected on the device. Needs application."),
		member("rp", form.Mapping[members](nil, []form.Field{
			member("id", form.Matching("a relying party's ID", "such as example.com", serverNamePattern, 253,
				"is not a relying party's ID: a host name without a scheme and a port"),
				"The relying party's ID.").Required(),
		}), "The relying party, for FIDO2 devices. Default: that of the FIDO2 policy."),
		member("undocumented", form.AnyObject,
			"Further members of the body, sent as they are and known to no documentation."),
	})
	f.Detail = "such as {policy: {id: 9761c24a-208d-0499-1bf6-39905184a4e1}}"
	read := f.Read
	f.Read = func(d *form.Decoder, n *form.Node) members {
		if user := n.Get("user"); user != nil {
			d.FailKey(user, d.Label(user)+" is not allowed",
				"remove it: the user's ID is filled in from the group's users")
			n.Entries = slices.DeleteFunc(slices.Clone(n.Entries),
				func(e *form.Node) bool { return e == user })
		}
		return read(d, n)
	}
	return f
}()

func onlyID(doc string) form.Form[members] {
	return form.Mapping[members](nil, []form.Field{member("id", idText, doc).Required()})
}

var oneTimeForm = form.Mapping(checkOneTime, []form.Field{
	member("type", form.OneOf("a type of one-time devices", "EMAIL", "SMS", "VOICE"),
		"The kind of the device: EMAIL, SMS or VOICE.").Required(),
	member("email", emailText, "The e-mail address, with type EMAIL."),
	member("phone", phoneText, "The phone number, with type SMS or VOICE."),
	member("testMode", form.YesOrNo, "Whether nothing is sent, and the response holds the passcode instead."),
})

var someText = form.Text("text", "", `[\s\S]+`, func(text string) (string, *form.Flaw) {
	if text == "" {
		return "", form.NewFlaw("is empty", "write text, or remove it")
	}
	return text, nil
})

var emailText = form.Matching("an e-mail address", "such as abel@example.com", `[^@\s]+@[^@\s]+`, 320,
	"is not an e-mail address")

var phoneText = func() form.Form[string] {
	digits := regexp.MustCompile(`[0-9]`)
	f := form.Text("a phone number", "with the country's code, in quotes, such as '+14135550150'",
		`\+[0-9][0-9 .()-]*[0-9]`, func(text string) (string, *form.Flaw) {
			n := len(digits.FindAllString(text, -1))
			if !phoneNumber.MatchString(text) || n < 6 || n > 15 {
				return "", &form.Flaw{Reason: "is not a phone number that begins with + and the country's " +
					"code"}
			}
			return text, nil
		})
	return f
}()

var phoneNumber = regexp.MustCompile(`^\+[0-9][0-9 .()-]*[0-9]$`)

func dictionaryOf[V any](value form.Form[V]) form.Form[members] {
	f := form.Dictionary("a mapping", "of names to text", "", func(string) *form.Flaw { return nil }, value)
	return form.Convert(f, func(entries []form.Entry[V]) members {
		m := members{}
		for _, e := range entries {
			m[e.Name] = e.Value
		}
		return m
	})
}

func checkRequest(d *form.Decoder, n *form.Node, m *members) {
	if e := n.Get("mobilePayload"); e != nil && n.Lacks("application") {
		d.FailKey(e, d.Label(e)+" needs application",
			"add application: {id: …}, the application that collected it")
	}
	others, _ := (*m)["undocumented"].(members)
	delete(*m, "undocumented")
	for _, e := range n.Get("undocumented").All() {
		if e.Key == "user" {
			d.FailKey(e, d.Label(e)+" is not allowed",
				"remove it: the user's ID is filled in from the group's users")
		} else if isDocumented(e.Key) {
			d.FailKey(e, d.Label(e)+" is documented", "write it in "+d.Label(n)+" itself")
		}
	}
	for name, value := range others {
		if !isDocumented(name) && name != "user" {
			(*m)[name] = value
		}
	}
	if len(*m) == 0 {
		*m = nil
	}
}

func isDocumented(name string) bool {
	return slices.Contains([]string{"policy", "selectedDevice", "notification", "application",
		"mobilePayload", "rp", "undocumented"}, name)
}

func checkSelectedDevice(d *form.Decoder, n *form.Node, _ *members) {
	id, oneTime := n.Get("id"), n.Get("oneTime")
	switch {
	case id != nil && oneTime != nil:
		d.FailKey(oneTime, d.Label(n)+" has both id and oneTime", "remove one of them")
	case n.Lacks("id") && n.Lacks("oneTime"):
		d.Fail(n, d.Label(n)+" has neither id nor oneTime",
			"add id: the ID of a device, or oneTime: {type: EMAIL, email: abel@example.com}")
	}
}

func checkOneTime(d *form.Decoder, n *form.Node, m *members) {
	if !n.Sound("type") {
		return
	}
	kind, _ := (*m)["type"].(string)
	needs, not, example := "phone", "email", phoneText.Want()
	if kind == "EMAIL" {
		needs, not, example = "email", "phone", emailText.Want()
	}
	if n.Lacks(needs) {
		d.Fail(n, fmt.Sprintf("%s: a device of type %s needs %s", d.Label(n), kind, needs),
			"add "+strings.TrimSpace(needs+": "+example))
	}
	if e := n.Get(not); e != nil {
		d.FailKey(e, fmt.Sprintf("%s: a device of type %s has no %s", d.Label(n), kind, not),
			"remove it, or write another type")
	}
}

// statuses, deviceTypes and errorCodes are those of the documentation.
var (
	statuses = []string{"OTP_REQUIRED", "DEVICE_SELECTION_REQUIRED", "COMPLETED",
		"PUSH_CONFIRMATION_REQUIRED", "PUSH_CONFIRMATION_TIMED_OUT", "ASSERTION_REQUIRED", "FAILED"}
	deviceTypes = []string{"EMAIL", "SMS", "VOICE", "WHATSAPP", "TOTP", "MOBILE", "FIDO2", "SECURITY_KEY",
		"PLATFORM", "OATH_TOKEN", "PINGID_MOBILE", "PINGID_DESKTOP", "PINGID_DESKTOP_GEN2", "YUBIKEY"}
	errorCodes = []string{"INVALID_DATA", "INVALID_REQUEST", "REQUEST_FAILED", "ACCESS_FAILED", "NOT_FOUND",
		"REQUEST_LIMITED", "UNEXPECTED_ERROR"}
)

var httpStatusesOf = map[string][]int{
	"INVALID_DATA": {400}, "INVALID_REQUEST": {400, 415}, "REQUEST_FAILED": {400},
	"ACCESS_FAILED": {401, 403},
	"NOT_FOUND":     {404}, "REQUEST_LIMITED": {429}, "UNEXPECTED_ERROR": {500},
}

// created is the HTTP status of a response that has a status of its own.
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
			"expect status instead of error, or another httpStatus: 201 is not an error")
	}
}

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

// parseExpect reads the expected responses of a row, written as reports name them:
// a status, an HTTP status, or that and a code, several with a | in between.
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
			return Expect{}, form.NewFlaw("mixes responses with and without a status or code",
				"give all of them one, such as 404 NOT_FOUND, or none")
		}
	}
	return e, nil
}

// ExpectText is how a row of a users' file expects a response of a label, such as 404 NOT_FOUND. It is
// empty if a row can't.
func ExpectText(label string) string {
	text := strings.TrimPrefix(label, "201 ")
	if _, flaw := parseExpect(text); flaw != nil {
		return ""
	}
	return text
}

func parseAnswer(parts []string) (status int, word string, f *form.Flaw) {
	status = created
	if len(parts) == 0 || len(parts) > 2 {
		return 0, "", form.NewFlaw("is not a response", "write "+expectExample)
	}
	if n, err := strconv.Atoi(parts[0]); err == nil {
		if n < 100 || n > 599 || len(parts[0]) != 3 {
			return 0, "", form.NewFlaw("has no HTTP status from 100 to 599", "write "+expectExample)
		}
		status, parts = n, parts[1:]
	} else if len(parts) == 2 {
		return 0, "", form.NewFlaw("is not a response", "write "+expectExample)
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

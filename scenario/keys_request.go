package scenario

import (
	"fmt"
	"regexp"
	"strings"
)

// members are the members of a JSON object that a request holds.
type members = map[string]any

// member is a documented member of a request's body.
func member[V any](name string, f form[V], doc string) field[members] {
	return key(name, f, func(m *members, v V) {
		if *m == nil {
			*m = members{}
		}
		(*m)[name] = v
	}, doc)
}

// requestForm is the block request: the documented members of the body beside
// user. Others stand under undocumented, so that a mistyped one is not sent
// and never missed.
var requestForm = func() form[members] {
	f := mapping(checkRequest, []field[members]{
		member("policy", onlyID("The MFA policy's ID. The answer's policy.id has to be the same."),
			"The MFA policy to follow. Left out: the environment's default policy."),
		member("selectedDevice", mapping(checkSelectedDevice, []field[members]{
			member("id", idText, "The ID of one of the user's devices."),
			member("oneTime", oneTimeForm, "A device for this request only, which the user need not have. It gets a real message unless testMode is true."),
		}), "The device to use: one of the user's own by its id, or a oneTime device."),
		member("notification", mapping(nil, []field[members]{
			member("template", mapping(nil, []field[members]{
				member("name", someText, "The template's name."),
				member("variant", someText, "The template's variant."),
				member("locale", matching("a locale", "such as en or de-CH", `[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*`, 35, "is not a locale"), "The language of the message."),
				member("variables", dictionaryOf(someText), "Values of the template's variables, all of them text."),
			}), "The template of the message."),
			member("clientContext", anyObject, "Values that a push notification hands to the mobile application."),
		}), "What the message says."),
		member("application", onlyID("The application's ID."),
			"The application that the user signs on to."),
		member("mobilePayload", someText, "What the mobile application's SDK collected on the device. Needs application."),
		member("rp", mapping(nil, []field[members]{
			member("id", matching("a relying party's ID", "such as example.com", serverNamePattern, 253, "is not a relying party's ID: a host name without a scheme and a port"),
				"The relying party's ID.").must(),
		}), "The relying party, for FIDO2 devices. Left out: that of the FIDO2 policy."),
		member("undocumented", anyObject, "Further members of the body, sent as they are and known to no documentation."),
	})
	f.detail = "such as {policy: {id: 9761c24a-208d-0499-1bf6-39905184a4e1}}"
	read := f.read
	f.read = func(d *decoder, n *node) members {
		if user := n.get("user"); user != nil {
			d.failKey(user, d.label(user)+" is not allowed", "remove it: the user's ID is filled in from the group's users")
			n.entries = without(n.entries, user)
		}
		return read(d, n)
	}
	return f
}()

func without(entries []*node, one *node) (rest []*node) {
	for _, e := range entries {
		if e != one {
			rest = append(rest, e)
		}
	}
	return rest
}

func onlyID(doc string) form[members] {
	return mapping(nil, []field[members]{member("id", idText, doc).must()})
}

var oneTimeForm = mapping(checkOneTime, []field[members]{
	member("type", oneOf("a type of one-time devices", "EMAIL", "SMS", "VOICE"), "The kind of the device: EMAIL, SMS or VOICE.").must(),
	member("email", emailText, "The e-mail address, with type EMAIL."),
	member("phone", phoneText, "The phone number, with type SMS or VOICE."),
	member("testMode", yesOrNo, "Whether nothing is sent, and the answer holds the passcode instead."),
})

var someText = textual("text", "", `[\s\S]+`, func(text string) (string, *flaw) {
	if text == "" {
		return "", &flaw{"is empty", "write text, or leave it out"}
	}
	return text, nil
})

var emailText = matching("an e-mail address", "such as abel@example.com", `[^@\s]+@[^@\s]+`, 320, "is not an e-mail address")

var phoneText = func() form[string] {
	digits := regexp.MustCompile(`[0-9]`)
	f := textual("a phone number", "with the country's code, in quotes, such as '+14135550150'", `\+[0-9][0-9 .()-]*[0-9]`, func(text string) (string, *flaw) {
		n := len(digits.FindAllString(text, -1))
		if !phoneNumber.MatchString(text) || n < 6 || n > 15 {
			return "", &flaw{reason: "is not a phone number that begins with + and the country's code"}
		}
		return text, nil
	})
	return f
}()

var phoneNumber = regexp.MustCompile(`^\+[0-9][0-9 .()-]*[0-9]$`)

// dictionaryOf is a JSON object with members of one kind.
func dictionaryOf[V any](value form[V]) form[members] {
	f := dictionary("a mapping", "of names to text", "", func(string) *flaw { return nil }, value)
	return form[members]{noun: f.noun, detail: f.detail, schema: f.schema, read: func(d *decoder, n *node) members {
		m := members{}
		for _, e := range f.read(d, n) {
			m[e.name] = e.value
		}
		return m
	}}
}

// anyObject is any JSON object.
var anyObject = func() form[members] {
	f := form[members]{noun: "a mapping", schema: object{"type": []any{"object", "null"}}}
	f.read = func(d *decoder, n *node) members {
		if !d.isMapping(n, f.want()) {
			return nil
		}
		m, _ := d.json(n).(members)
		return m
	}
	return f
}()

func checkRequest(d *decoder, n *node, m *members) {
	if e := n.get("mobilePayload"); e != nil && n.lacks("application") {
		d.failKey(e, d.label(e)+" needs application", "add application: {id: …}, the application that collected it")
	}
	others, _ := (*m)["undocumented"].(members)
	delete(*m, "undocumented")
	list := n.get("undocumented")
	for _, e := range entriesOf(list) {
		if e.key == "user" {
			d.failKey(e, d.label(e)+" is not allowed", "remove it: the user's ID is filled in from the group's users")
		} else if isDocumented(e.key) {
			d.failKey(e, d.label(e)+" is documented", "write it in "+d.label(n)+" itself")
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

func entriesOf(n *node) []*node {
	if n == nil || n.kind != mappingNode {
		return nil
	}
	return n.entries
}

func isDocumented(name string) bool {
	switch name {
	case "policy", "selectedDevice", "notification", "application", "mobilePayload", "rp", "undocumented":
		return true
	}
	return false
}

func checkSelectedDevice(d *decoder, n *node, _ *members) {
	id, oneTime := n.get("id"), n.get("oneTime")
	switch {
	case id != nil && oneTime != nil:
		d.failKey(oneTime, d.label(n)+" has both id and oneTime", "remove one of them")
	case n.lacks("id") && n.lacks("oneTime"):
		d.fail(n, d.label(n)+" has neither id nor oneTime", "add id: the ID of a device, or oneTime: {type: EMAIL, email: abel@example.com}")
	}
}

func checkOneTime(d *decoder, n *node, m *members) {
	if !n.sound("type") {
		return
	}
	kind, _ := (*m)["type"].(string)
	needs, not, example := "phone", "email", phoneText.want()
	if kind == "EMAIL" {
		needs, not, example = "email", "phone", emailText.want()
	}
	if n.lacks(needs) {
		d.fail(n, fmt.Sprintf("%s: a device of type %s needs %s", d.label(n), kind, needs), "add "+strings.TrimSpace(needs+": "+example))
	}
	if e := n.get(not); e != nil {
		d.failKey(e, fmt.Sprintf("%s: a device of type %s has no %s", d.label(n), kind, not), "remove it, or write another type")
	}
}

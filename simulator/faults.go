package simulator

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// FaultInfo describes a fault.
type FaultInfo struct{ Name, Description string }

// Faults returns all faults, sorted by name.
func Faults() (all []FaultInfo) {
	for _, name := range faultNames() {
		all = append(all, FaultInfo{name, faults[name].does})
	}
	return all
}

func faultNames() []string { return slices.Sorted(maps.Keys(faults)) }

type defect struct {
	does string
	can  func(*simulatedResponse) bool
	bend func(*simulatedResponse)
}

// bend applies the first fault that chance picks for this response: one response
// has one fault at most.
func (s *Environment) bend(a *simulatedResponse) {
	for _, f := range s.config.Faults {
		bender := faults[f.Name]
		if strings.HasPrefix(f.Name, "flow.") != a.later || !bender.can(a) {
			continue
		}
		s.mu.Lock()
		picked := s.random.Float64() < f.Share
		s.mu.Unlock()
		if picked {
			bender.bend(a)
			break
		}
	}
	if len(s.config.Faults) > 0 && success(a) && !a.later {
		s.mu.Lock()
		s.last.keep(a)
		s.mu.Unlock()
	}
}

func jsonResponse(a *simulatedResponse) bool { return success(a) || platform(a) }

func anyResponse(*simulatedResponse) bool { return true }
func success(a *simulatedResponse) bool   { return a.success() && a.raw == nil }
func platform(a *simulatedResponse) bool  { return a.status >= 400 && a.raw == nil }

func status(of ...string) func(*simulatedResponse) bool {
	return func(a *simulatedResponse) bool {
		return success(a) && slices.Contains(of, strings.Trim(a.state, `"`))
	}
}

func hasUser(a *simulatedResponse) bool { return success(a) && a.user != "" }

func hasLinks(a *simulatedResponse) bool   { return success(a) && len(a.links) > 1 }
func hasDevices(a *simulatedResponse) bool { return success(a) && len(a.devices) > 0 }

func hasContact(a *simulatedResponse) bool {
	return hasDevices(a) &&
		(strings.Contains(a.devices[0], `"email"`) || strings.Contains(a.devices[0], `"phone"`))
}

func selectsID(a *simulatedResponse) bool {
	return success(a) && strings.HasPrefix(a.selected, `{"id"`)
}

func selectsOneTime(a *simulatedResponse) bool {
	return success(a) && strings.Contains(a.selected, `"oneTime"`)
}

func onBody(change func(string) string) func(*simulatedResponse) {
	return func(a *simulatedResponse) {
		a.raw = []byte(change(string(a.body())))
	}
}

func otherID(id string) string {
	return strings.Replace(id, id[1:2],
		string("0123456789abcdef"[(strings.IndexByte("0123456789abcdef", lower(id[1]))+1)%16]), 1)
}

func lower(b byte) byte {
	if b >= 'A' && b <= 'F' {
		return b | 0x20
	}
	return b
}

func eachLink(a *simulatedResponse, change func(string) string) {
	a.links = slices.Clone(a.links)
	for i := range a.links {
		a.links[i].href = change(a.links[i].href)
	}
}

func inDevice(old, changed string) func(*simulatedResponse) {
	return func(a *simulatedResponse) {
		a.devices = append([]string{strings.Replace(a.devices[0], old, changed, 1)}, a.devices[1:]...)
	}
}

// selectAnother selects a device that is listed but was not asked for.
func selectAnother(a *simulatedResponse) {
	for _, d := range a.devices {
		if id, _, _ := strings.Cut(d, ","); id+"}" != a.selected {
			a.selected = id + "}"
			return
		}
	}
}

// unmask replaces the masked part of an address or a number.
func unmask(s string) string {
	return strings.NewReplacer("****@", "ohn@", "+1********50", "+14135550150").Replace(s)
}

func repeatID(a *simulatedResponse) {
	s := a.server
	s.mu.Lock()
	before := s.last.id
	s.last.repeats++
	spaces := s.last.repeats
	s.mu.Unlock()
	if before == "" {
		return
	}
	id := strings.Trim(a.id, `"`)
	eachLink(a, func(href string) string { return strings.Replace(href, id, strings.Trim(before, `"`), 1) })
	a.id = before
	// White space tells it from a body that came before.
	a.raw = append(a.body(), strings.Repeat(" ", spaces%100)...)
}

func shift(a *simulatedResponse) {
	earlier := stamp(time.Now().Add(-time.Hour))
	a.createdAt, a.updatedAt = earlier, earlier
}

// faults are named like the rule that each of them breaks, and no other.
var faults = withFrameFaults(map[string]defect{
	"http.status": {"responds 200 instead of 201", success,
		func(a *simulatedResponse) { a.raw, a.status = a.body(), 200 }},
	"http.length": {"announces a body shorter than it sends", jsonResponse, func(a *simulatedResponse) {
		a.wire = func(head, body string) string {
			return fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s{}", head, len(body), body)
		}
	}},
	"http.bodyless": {"responds 204, which http.status finds too, with a body", success,
		func(a *simulatedResponse) {
			a.raw, a.status = a.body(), 204
			a.wire = func(head, body string) string { return head + "\r\n" + body }
		}},
	"http.framing": {"announces a length and chunks at once", jsonResponse, func(a *simulatedResponse) {
		a.wire = func(head, body string) string {
			return fmt.Sprintf("%sContent-Length: %d\r\nTransfer-Encoding: "+
				"chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", head, len(body), len(body), body)
		}
	}},
	"http.redirect": {"responds with a redirect to the same place", anyResponse, func(a *simulatedResponse) {
		a.status, a.location, a.raw = 302, "/redirected", []byte{}
	}},
	"header.contentType": {"responds with text/html", jsonResponse,
		func(a *simulatedResponse) { a.contentType = []string{"text/html"} }},
	"header.contentTypeOnce": {"sends two Content-Types", jsonResponse, func(a *simulatedResponse) {
		a.contentType = []string{"application/json", "application/json"}
	}},
	"header.contentEncoding": {"says that the body is compressed", jsonResponse,
		func(a *simulatedResponse) { a.encoding = "gzip" }},
	"header.correlationID": {"omits Correlation-Id", anyResponse,
		func(a *simulatedResponse) { a.correlation = "" }},
	"header.retryAfter": {"sends a Retry-After that is not a time (429 and 503 only)",
		func(a *simulatedResponse) bool { return a.status == 429 || a.status == 503 },
		func(a *simulatedResponse) { a.retryAfter = "soon" }},

	"header.location": {"sends a Location that is not the transaction's", success,
		func(a *simulatedResponse) { a.location = "/transactions" }},

	"body.bom": {"starts the body with a byte-order mark", jsonResponse,
		onBody(func(s string) string { return "\ufeff" + s })},
	"body.json": {"omits the last brace", jsonResponse,
		onBody(func(s string) string { return s[:len(s)-1] })},
	"body.utf8": {"puts a byte into the body that is not UTF-8", success, onBody(func(s string) string {
		return strings.Replace(s, `"updatedAt"`, "\"note\":\"\xff\",\"updatedAt\"", 1)
	})},
	"body.single": {"sends a second value after the first", jsonResponse,
		onBody(func(s string) string { return s + "{}" })},
	"body.names": {"sends a member twice", success, onBody(func(s string) string {
		return strings.Replace(s, `"status":`, `"status":"COMPLETED","status":`, 1)
	})},
	"body.depth": {"nests arrays 200 deep", success, onBody(func(s string) string {
		return s[:len(s)-1] + `,"deep":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + "}"
	})},
	"body.size": {"sends a body of more than 1 MiB", success,
		onBody(func(s string) string { return s + strings.Repeat(" ", 1<<20) })},
	"body.object": {"sends an array", success, onBody(func(s string) string { return "[" + s + "]" })},

	"shape.required": {"omits createdAt", success, func(a *simulatedResponse) { a.createdAt = "" }},
	"shape.type": {"sends updatedAt as a number", success,
		func(a *simulatedResponse) { a.updatedAt = "1637091354727" }},
	"id.form": {"sends a policy ID that is not an ID", success,
		func(a *simulatedResponse) { a.policy = `"default"` }},
	"status.form": {"sends a status in lower case (not at OTP_REQUIRED and others whose status matters)",
		status("COMPLETED", "PUSH_CONFIRMATION_REQUIRED"),
		func(a *simulatedResponse) { a.state = strings.ToLower(a.state) }},
	"status.known": {"sends a status that is not documented",
		status("COMPLETED", "PUSH_CONFIRMATION_REQUIRED"),
		func(a *simulatedResponse) { a.state = `"BIOMETRICS_REQUIRED"` }},
	"time.form": {"sends createdAt with an offset", success, func(a *simulatedResponse) {
		a.createdAt = strings.Replace(a.createdAt, "Z", "+00:00", 1)
	}},
	"time.precision": {"drops the fraction of updatedAt and createdAt", success, func(a *simulatedResponse) {
		a.createdAt = a.createdAt[:20] + `Z"`
		a.updatedAt = a.updatedAt[:20] + `Z"`
	}},
	"time.order": {"sends an updatedAt before createdAt", success,
		func(a *simulatedResponse) { a.updatedAt = `"2001` + a.updatedAt[5:] }},

	"echo.user": {"responds for another user", hasUser,
		func(a *simulatedResponse) { a.user = otherID(a.user) }},
	"echo.environment": {"responds for another environment", success,
		func(a *simulatedResponse) { a.env = otherID(a.env) }},
	"echo.policy": {"ignores the request's policy",
		func(a *simulatedResponse) bool { return success(a) && a.request.Policy.ID != "" },
		func(a *simulatedResponse) { a.policy = otherID(a.policy) }},

	"echo.device": {"selects another of the user's devices than the request",
		func(a *simulatedResponse) bool {
			return selectsID(a) && a.request.SelectedDevice != nil && len(a.devices) > 1
		}, selectAnother},
	"echo.oneTime": {"gives the one-time device another type", selectsOneTime, func(a *simulatedResponse) {
		if strings.Contains(a.selected, `"type":"VOICE"`) {
			a.selected = strings.Replace(a.selected, `"VOICE"`, `"SMS"`, 1)
			return
		}
		a.selected = strings.NewReplacer(`"type":"EMAIL"`, `"type":"VOICE"`, `"type":"SMS"`,
			`"type":"VOICE"`).Replace(a.selected)
	}},
	"echo.application": {"responds for another application",
		func(a *simulatedResponse) bool { return success(a) && a.request.Application.ID != "" },
		func(a *simulatedResponse) {
			id := quote(a.request.Application.ID)
			a.extra = strings.Replace(a.extra, id, otherID(id), 1)
		}},

	"links.self": {"links to another place", success, func(a *simulatedResponse) {
		eachLink(a, func(s string) string {
			return strings.Replace(s, "/deviceAuthentications/", "/transactions/", 1)
		})
	}},
	"links.same": {"gives another link another URL", hasLinks, func(a *simulatedResponse) {
		last := &a.links[len(a.links)-1]
		last.href = strings.Replace(last.href, `"http`, `"https`, 1)
	}},
	"links.status": {"omits a link that the status needs", hasLinks,
		func(a *simulatedResponse) { a.links = a.links[:len(a.links)-1] }},
	"links.host": {"links to another host", success, func(a *simulatedResponse) {
		eachLink(a, func(s string) string {
			scheme, rest, _ := strings.Cut(s, "://")
			_, path, _ := strings.Cut(rest, "/")
			return scheme + "://internal.example/" + path
		})
	}},

	"device.type": {"sends a device type in lower case", hasDevices, inDevice(`"type":"`, `"type":"x-`)},
	"device.typeKnown": {"sends a device type that is not documented", hasDevices,
		inDevice(`"type":"`, `"type":"NEW_`)},
	"device.statusKnown": {"sends a device status that is not documented", func(a *simulatedResponse) bool {
		return hasDevices(a) && strings.Contains(a.devices[0], `"status":"ACTIVE"`)
	}, inDevice(`"status":"ACTIVE"`, `"status":"SLEEPING"`)},
	"device.masked": {"shows an address or a number unmasked", hasContact, func(a *simulatedResponse) {
		a.devices = append([]string{unmask(a.devices[0])}, a.devices[1:]...)
	}},
	"device.unique": {"lists a device twice",
		func(a *simulatedResponse) bool { return hasDevices(a) && strings.Contains(a.devices[0], `"id":`) },
		func(a *simulatedResponse) {
			a.devices = append(a.devices[:len(a.devices):len(a.devices)], a.devices[0])
		}},
	"device.known": {"selects a device that is not listed", selectsID, func(a *simulatedResponse) {
		a.selected = `{"id":` + otherID(a.selected[6:len(a.selected)-1]) + `}`
	}},

	"selected.required": {"omits the selected device", status("OTP_REQUIRED"),
		func(a *simulatedResponse) { a.selected = "" }},
	"selected.form": {"sends a selected device of no known form", status("OTP_REQUIRED"),
		func(a *simulatedResponse) { a.selected = `{}` }},
	"selected.oneTime": {"selects a device of the user's instead of the one-time device", selectsOneTime,
		func(a *simulatedResponse) {
			a.selected = `{"id":"` + stableID("another device") + `"}`
		}},
	"selected.null": {"sends null as the selected device",
		status("DEVICE_SELECTION_REQUIRED", "PUSH_CONFIRMATION_REQUIRED", "COMPLETED"),
		func(a *simulatedResponse) { a.selected = "null" }},
	"selected.masked": {"shows the address of a one-time device unmasked", selectsOneTime,
		func(a *simulatedResponse) { a.selected = unmask(a.selected) }},

	"assertion.options": {"sends assertion options that are not JSON", status("ASSERTION_REQUIRED"),
		func(a *simulatedResponse) { a.extra = `,"publicKeyCredentialRequestOptions":"{"` }},
	"assertion.rp": {"sends assertion options for another relying party than the request's",
		func(a *simulatedResponse) bool {
			return status("ASSERTION_REQUIRED")(a) && a.request.RP.ID != ""
		}, func(a *simulatedResponse) {
			a.extra = strings.Replace(a.extra, a.request.RP.ID, "other.example", 1)
		}},
	"test.otp": {"omits the passcode of a one-time device in test mode",
		func(a *simulatedResponse) bool {
			return success(a) && strings.Contains(a.extra, `"test":`)
		}, func(a *simulatedResponse) { a.extra, _, _ = strings.Cut(a.extra, `,"test":`) }},
	"failed.error": {"omits the error of a failure", status("FAILED"),
		func(a *simulatedResponse) { a.extra = "" }},
	"field.unknown": {"sends a member that is not documented", jsonResponse,
		func(a *simulatedResponse) { a.extra += `,"region":"EU"` }},

	"error.body": {"responds to an error with a gateway's page", platform, func(a *simulatedResponse) {
		a.gateway(min(a.status, 500))
	}},
	"error.known": {"sends an error code that is not documented", platform,
		func(a *simulatedResponse) { a.code = `"TEAPOT"` }},
	"expect.refused": {"responds 500 instead of a refusal",
		func(a *simulatedResponse) bool { return platform(a) && a.status < 500 }, func(a *simulatedResponse) {
			a.refuse(500, "UNEXPECTED_ERROR", "An unexpected error occurred.", "")
		}},
	"secret.token": {"sends the token back in a header",
		func(a *simulatedResponse) bool { return a.request != nil },
		func(a *simulatedResponse) { a.link = []string{a.request.token} }},

	"run.id": {"gives a transaction the ID of the last one", success, repeatID},
	"run.body": {"sends the last body again", success, func(a *simulatedResponse) {
		a.server.mu.Lock()
		defer a.server.mu.Unlock()
		a.raw = a.server.last.bodies[a.user]
	}},
	"run.crossed": {"responds for the user of the last request", success, func(a *simulatedResponse) {
		a.server.mu.Lock()
		defer a.server.mu.Unlock()
		a.user = cmp.Or(a.server.last.user, a.user)
	}},
	"run.clock": {"sends times of an hour ago", success, shift},

	"flow.status": {"does not find a transaction", success, func(a *simulatedResponse) {
		a.refuse(404, "NOT_FOUND", "The requested resource was not found.", "")
	}},
	"flow.id": {"gives a transaction another ID when it is read", success, func(a *simulatedResponse) {
		id := strings.Trim(a.id, `"`)
		a.id = otherID(a.id)
		eachLink(a, func(href string) string { return strings.Replace(href, id, strings.Trim(a.id, `"`), 1) })
	}},
	"flow.createdAt": {"says that a transaction was created when it is read", success,
		func(a *simulatedResponse) { a.createdAt = a.updatedAt }},
	"flow.same": {"gives a transaction another policy when it is read",
		func(a *simulatedResponse) bool { return success(a) && a.request.Policy.ID == "" },
		func(a *simulatedResponse) { a.policy = otherID(a.policy) }},
	"flow.updatedAt": {"forgets when a transaction changed last", success,
		func(a *simulatedResponse) { a.updatedAt = a.createdAt }},
	"flow.proof": {"completes a transaction when it is read",
		status("OTP_REQUIRED", "DEVICE_SELECTION_REQUIRED", "ASSERTION_REQUIRED"),
		func(a *simulatedResponse) { a.turn("COMPLETED") }},
	"flow.moves": {"asks for another device when a transaction is read",
		status("OTP_REQUIRED", "PUSH_CONFIRMATION_REQUIRED", "COMPLETED"),
		func(a *simulatedResponse) { a.turn("DEVICE_SELECTION_REQUIRED") }},

	"conn.reset": {"resets the connection before the response", anyResponse,
		func(a *simulatedResponse) { a.reset = true }},
	"conn.cut": {"closes the connection in the middle of the body", jsonResponse,
		func(a *simulatedResponse) { a.cut = true }},
	"answer.slow": {"never answers", anyResponse, func(a *simulatedResponse) { a.silent = true }},
})

func withFrameFaults(all map[string]defect) map[string]defect {
	maps.Copy(all, frameFaults)
	return all
}

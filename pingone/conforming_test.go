package pingone_test

import (
	"strings"
	"testing"
)

// conforming are responses that break no rule of level fail, with the findings
// that they give.
func conforming() []mutation {
	fine := func(name string, base func(testing.TB) response, edits ...edit) mutation {
		return mutation{name, base, edits, []string{}}
	}
	noted := func(name string, base func(testing.TB) response, want string, edits ...edit) mutation {
		return mutation{name, base, edits, []string{"note " + want}}
	}
	return []mutation{
		fine("the documented e-mail", email),
		fine("the documented one-time e-mail", oneTime),
		fine("the documented refusal", refusal),
		fine("one-time phone", oneTimePhone),
		fine("device selection", selection),
		fine("assertion", assertion),
		fine("failure", failed),
		fine("members in another order", email, set("/status", `"OTP_REQUIRED"`)), // encoding/json sorts them
		fine("white space", email, before(" \r\n\t"), after("\n\n ")),
		fine("escaped characters in strings", email, swap("OTP_REQUIRED", `OTP\u005fREQUIRED`),
			swap("https://auth", `https:\/\/auth`)),
		fine("escaped characters in names", email, swap(`"status": "OTP`, `"st\u0061tus": "OTP`),
			swap(`"href"`, `"\u0068ref"`)),
		fine("letters beyond ASCII", email, set("/_embedded/devices/0/nickname", `"Zoë \ud83d\ude00 電話"`)),
		fine("IDs in upper case", email, set("/policy/id", `"ABCDEF01-0000-0000-0000-00000000000A"`),
			fact("request.policy.id", "")),
		fine("no policy sent", email, set("/policy/id", other), fact("request.policy.id", "")),
		fine("custom domain", email, swap("auth.pingone.com/abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6",
			"login.example.com"),
			fact("basePath", ""), fact("origin", "https://login.example.com")),
		fine("host in upper case, port spelt out", email,
			swap("https://auth.pingone.com", "HTTPS://AUTH.pingone.com:443")),
		fine("created and updated at once", email, set("/updatedAt", `"2021-11-16T19:35:54.554Z"`)),
		fine("leap day", email, set("/createdAt", `"2020-02-29T23:59:59.999Z"`)),
		{"equal times with other digits", email, []edit{set("/updatedAt", `"2021-11-16T19:35:54.5540Z"`)},
			[]string{"note time.precision /updatedAt"}},
		fine("completed", email, set("/status", `"COMPLETED"`), drop("/selectedDevice"),
			set("/_links", `{"self":`+href(selfURL)+`}`)),
		fine("push", email, set("/status", `"PUSH_CONFIRMATION_REQUIRED"`),
			set("/_links", `{"self":`+href(selfURL)+`}`),
			set("/_embedded/devices/0", `{"id":"ea055ca3-2b5b-4766-9628-95fc03f4ec9b","type":"MOBILE",
				"status":"ACTIVE","nickname":"Phone","usableStatus":{"status":"ENABLED"},
				"os":{"type":"IOS","version":"17"},"model":{"name":"x"},"application":{"id":"y"},
				"pushEnabled":true}`)),
		noted("push, with times as numbers", email, "field.unknown /_embedded/devices/*/pairedAt",
			set("/_embedded/devices/0",
				`{"id":"ea055ca3-2b5b-4766-9628-95fc03f4ec9b","type":"MOBILE","pairedAt":1637091354554}`)),
		fine("push timed out", email, set("/status", `"PUSH_CONFIRMATION_TIMED_OUT"`),
			drop("/_links/otp.check")),
		fine("newer device", email, set("/_embedded/devices/0/usableStatus", `{"status":"DISABLED"}`),
			set("/_embedded/devices/0/rp", `{"id":"a.example","name":"A"}`)),
		fine("no devices", selection, set("/_embedded/devices", "[]")),
		fine("device without an ID next to the selected one", email,
			set("/_embedded/devices/1", `{"type":"SMS","phone":"******0150"}`)),
		fine("two types of words and digits", selection,
			set("/_embedded/devices/0/type", `"PINGID_DESKTOP_GEN2"`),
			set("/_embedded/devices/1/status", `"ACTIVATION_REQUIRED"`)),
		fine("local part too short to tell", oneTime,
			fact("request.selectedDevice.oneTime.email", "ab@ping.com")),
		fine("all known optional members", email, set("/aggregateFido2Devices", "true"),
			set("/bypassAllowed", "false"), set("/userBypassEnabled", "true"),
			set("/_embedded/blockedDevices", `[{"id":1}]`), set("/authenticators", `["a"]`),
			set("/application", `{"id":"x"}`), set("/_embedded/accessingDevices", `[{"id":1}]`),
			set("/deviceSession", `{"id":"x"}`), set("/payload", `{"type":"a","value":{}}`),
			set("/numberMatching", `{"number":42}`), set("/pingIdDesktopCredentialRequestOptions", `"{}"`),
			set("/test", `{"otp":"123456"}`)),
		fine("one-time passcode as a number", email, set("/test", `{"otp":123456}`)),
		fine("the device that was asked for", email,
			fact("request.selectedDevice.id", "ea055ca3-2b5b-4766-9628-95fc03f4ec9b")),
		fine("the one-time device that was asked for, in test mode", oneTime,
			fact("request.selectedDevice.oneTime.type", "EMAIL"),
			fact("request.selectedDevice.oneTime.testMode", "true"), set("/test", `{"otp":"123456"}`)),
		fine("a one-time device that can't be used", failed,
			fact("request.selectedDevice.oneTime.type", "EMAIL")),
		fine("the application that was asked for", email, fact("request.application.id", "a"),
			set("/application", `{"id":"a"}`)),
		fine("the relying party that was asked for", assertion, fact("request.rp.id", "example.com"),
			set("/publicKeyCredentialRequestOptions", `"{\"rpId\":\"example.com\"}"`)),
		fine("options without a relying party", assertion, fact("request.rp.id", "example.com")),
		fine("no user, where none was sent", assertion, fact("request.user.id", ""), drop("/user")),
		fine("some user, where none was sent", assertion, fact("request.user.id", "")),
		fine("short token", email, fact("token", "EMAIL")),
		fine("no token", email, fact("token", "")),
		fine("plain JSON", email, field("Content-Type", "application/json")),
		fine("charset", email, field("Content-Type", `Application/JSON; Charset="UTF-8"`)),
		fine("field names in lower case", email, field("Content-Type"),
			field("content-type", "application/json")),
		fine("refusal at 403 without an ID", refused(403, "ACCESS_FAILED"), drop("/id")),
		fine("limit with seconds", refused(429, "REQUEST_LIMITED"), drop("/id"), field("Retry-After", "120")),
		fine("limit with a date", refused(429, "REQUEST_LIMITED"),
			field("Retry-After", "Tue, 16 Nov 2021 19:35:54 GMT")),
		fine("limit without a time", refused(429, "REQUEST_LIMITED")),
		fine("retry elsewhere", refusal, field("Retry-After", "soon")),
		fine("page of a gateway at 502", refused(502, "X"), body("<html>"),
			field("Content-Type", "text/html")),
		fine("nothing at 503", refused(503, "X"), body(""), field("Content-Type"), field("Retry-After", "5")),
		fine("nothing at 408", refused(408, "X"), body(""), field("Content-Type")),
		fine("page of a gateway at 408", refused(408, "X"), body("<html>"),
			field("Content-Type", "text/html")),
		fine("edge's body at 408", refused(408, "X"), body(`{"message":"Timeout"}`)),
		fine("user in upper case", email, set("/user/id", `"788D4931-6936-43F2-82FF-178F5762298A"`)),
		fine("IDs asked for in upper case", email,
			fact("request.user.id", "788D4931-6936-43F2-82FF-178F5762298A"),
			fact("request.policy.id", "9761C24A-208D-0499-1BF6-39905184A4E1"),
			fact("envID", "ABFBA8F6-49EB-49F5-A5D9-80AD5C98F9F6"),
			fact("basePath", "/ABFBA8F6-49EB-49F5-A5D9-80AD5C98F9F6")),
		fine("a device asked for in upper case", email,
			fact("request.selectedDevice.id", "EA055CA3-2B5B-4766-9628-95FC03F4EC9B")),
		fine("selected device in upper case", email,
			set("/selectedDevice/id", `"EA055CA3-2B5B-4766-9628-95FC03F4EC9B"`)),
		fine("selected device among those that sign on", email, set("/selectedDevice/id", other),
			set("/_embedded/accessingDevices", `[{"id":`+other+`,"type":"BROWSER"}]`)),
		fine("selected device among the blocked ones", email, set("/selectedDevice/id", other),
			set("/_embedded/blockedDevices", `[{"id":`+other+`}]`)),
		fine("a browser", email, set("/_embedded/devices/0/type", `"BROWSER"`)),
		fine("every documented member of devices", email, set("/_embedded/devices/0", everyMember(`"EMAIL"`)),
			set("/_embedded/blockedDevices", "["+everyMember("1")+"]"),
			set("/_embedded/accessingDevices", "["+everyMember("null")+"]")),
		fine("options of PingID desktop", assertion, drop("/publicKeyCredentialRequestOptions"),
			set("/pingIdDesktopCredentialRequestOptions", `"not JSON"`)),
		fine("unavailable devices", failed, set("/error/unavailableDevices", `[{"id":"a"},{}]`)),
		fine("location", email, field("Location", selfURL)),
		fine("location in upper case", email,
			field("Location", strings.Replace(selfURL, "03e1897e", "03E1897E", 1))),
		fine("location with the port spelt out", email,
			field("Location", strings.Replace(selfURL, ".com", ".COM:443", 1))),
		fine("location without a host", email,
			field("Location", strings.TrimPrefix(selfURL, "https://auth.pingone.com"))),
		fine("location of another status", refusal, field("Location", "/x")),
		fine("texts that look encoded", email,
			set("/_embedded/devices/0/nickname", `"50% & more \\u00e9 &amp; %41"`),
			field("X-Debug", `a%20b&c=\d`)),
		fine("another body at 504", refused(504, "X"), body(`{"message":5}`)),
		fine("platform's body at 502", refused(502, "X"), drop("/id")),
		fine("unknown refusal", refused(418, "TEAPOT")),
		fine("details", refusal, set("/details",
			`[{"code":"INVALID_VALUE","target":"user.id","message":"m","innerError":{"a":{"b":[1]}}},`+
				`{"code":"c","message":"m","innererror":{}}]`)),
		fine("unknown user", refused(404, "NOT_FOUND")),
		noted("new member", email, "field.unknown /riskLevel",
			set("/riskLevel", `{"level":["LOW",{"x":null}]}`)),
		noted("nested to the limit", email, "field.unknown /x", set("/x", deep100)),
		noted("new link", email, "field.unknown /_links/push.resend",
			set("/_links/push.resend", href(selfURL))),
		noted("new status", email, "status.known /status", set("/status", `"BIOMETRY2_REQUIRED"`)),
	}
}

// severalFaults are responses with more than one fault.
func severalFaults() []mutation {
	return []mutation{
		{"a check that the contract does not name, with another URL", email,
			[]edit{set("/_links/push.check", href(selfURL+"/push"))},
			[]string{"note field.unknown /_links/push.check", "fail links.same /_links/push.check/href"}},
		{"a relation to another host", email,
			[]edit{set("/_links/user", href("https://api.pingone.com/v1/users/1"))},
			[]string{"note field.unknown /_links/user", "note links.host /_links/user/href"}},
		{"two members", email, []edit{drop("/policy"), set("/status", "1")},
			[]string{"fail shape.required /policy", "fail shape.type /status"}},
		{"empty object", email, []edit{body("{}")}, []string{
			"fail shape.required /_embedded", "fail shape.required /_links", "fail shape.required /createdAt",
			"fail shape.required /environment",
			"fail shape.required /id", "fail shape.required /policy", "fail shape.required /status",
			"fail shape.required /updatedAt", "fail echo.user /user"}},
		{"text", email, []edit{before("\xef\xbb\xbf"), swap("j****@", "\xe9****@"), after("1")},
			[]string{"fail body.bom ", "fail body.single ", "fail body.utf8 "}},
		{"page instead of a response", email, []edit{body("<p>"), field("Content-Type", "text/html"),
			field("Correlation-Id")},
			[]string{"fail body.json ", "fail header.contentType Content-Type",
				"note header.correlationID Correlation-Id"}},
		{"redirect", email, []edit{status(302), body(""), field("Content-Type"), field("Correlation-Id")},
			[]string{"fail http.status ", "note header.correlationID Correlation-Id"}},
		{"new link without href", email, []edit{set("/_links/x", "{}")},
			[]string{"note field.unknown /_links/x", "fail shape.required /_links/x/href"}},
		{"self on another host than the others", email,
			[]edit{set("/_links/self", href("https://auth.pingone.eu"+selfPath))},
			[]string{"fail links.same /_links/device.select/href", "fail links.same /_links/otp.check/href",
				"note links.host /_links/self/href"}},
		{"two devices", selection, []edit{set("/_embedded/devices/0/email", `"john@example.com"`),
			set("/_embedded/devices/1/type", `"totp"`)},
			[]string{"fail device.masked /_embedded/devices/*/email",
				"fail device.type /_embedded/devices/*/type"}},
		{"token in body and header", email, []edit{set("/riskLevel", `"`+token+`"`), field("X-Echo", token)},
			[]string{"fail secret.token ", "note field.unknown /riskLevel", "fail secret.token X-Echo"}},
		{"token as a member's name", email, []edit{set("/"+token, "1")},
			[]string{"fail secret.token ", "note field.unknown /*"}},
	}
}

// everyMember is a device with every member that the documentation names.
func everyMember(kind string) string {
	text := `{"id":"ea055ca3-2b5b-4766-9628-95fc03f4ec9b","type":` + kind +
		`,"nickname":"x","usableStatus":{},"rp":{}`
	for _, name := range strings.Fields(`
		os model application pushEnabled apiVersion locale manufacturer sdkVersion rooted lockEnabled
		notification background pushStatus otpEnabled otpStatus pushFails deviceIntegrityState
		notificationProvider allowPushNotification attributes credentialId displayName backup
		fidoRegistrationArtifacts fidoDeviceMetadata unitId block lock name version operatingSystem
		session lastRememberedAt environment user`) {
		text += `,"` + name + `":{"any":[1]}`
	}
	return text + "}"
}

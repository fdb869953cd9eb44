package pingone_test

import (
	"slices"
	"strings"
	"testing"
)

// mutation is a response with one fault.
type mutation struct {
	name  string
	base  func(testing.TB) response
	edits []edit
	want  []string // "level rule pointer", sorted; the same one once
}

func one(name string, base func(testing.TB) response, want string, edits ...edit) mutation {
	return mutation{name, base, edits, []string{want}}
}

var (
	deep100 = strings.Repeat("[", 99) + strings.Repeat("]", 99) // within one member
	deep101 = "[" + deep100 + "]"
	other   = `"11111111-2222-3333-4444-555555555555"`
	// selfPath is the path of the example's own link.
	selfPath = "/abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6/deviceAuthentications/" +
		"03e1897e-33b0-40b9-b54e-68236769b1fa"
	selfURL = "https://auth.pingone.com" + selfPath
	href    = func(url string) string { return `{"href":"` + url + `"}` }
	members = []string{
		"_links", "_embedded", "id", "environment", "status", "policy", "user", "createdAt", "updatedAt",
	}
)

// mutations is the table of single faults. All of their violations are listed.
func mutations() []mutation {
	return slices.Concat(textMutations(), headerMutations(), shapeMutations(), formMutations(),
		crossMutations(), linkMutations(), deviceMutations(), errorMutations())
}

func textMutations() []mutation {
	return []mutation{
		one("empty body", email, "fail body.json ", body("")),
		one("white space only", email, "fail body.json ", body(" \n")),
		one("not JSON", email, "fail body.json ", body("<html></html>")),
		one("cut in the middle", email, "fail body.json ", body(`{"id":"03e1897e-33b0`)),
		one("trailing comma", email, "fail body.json ",
			swap("\"status\": \"OTP_REQUIRED\",", "\"status\": \"OTP_REQUIRED\",,")),
		one("single quotes", email, "fail body.json ", swap(`"OTP_REQUIRED"`, `'OTP_REQUIRED'`)),
		one("control character in a string", email, "fail body.json ",
			swap("OTP_REQUIRED", "OTP\x01REQUIRED")),
		one("unknown escape", email, "fail body.json ", swap("OTP_REQUIRED", `OTP\xREQUIRED`)),
		one("leading zero", email, "fail body.json ", before(`[01,`), after(`]`)),
		one("NaN", email, "fail body.json ", swap(`"OTP_REQUIRED"`, `NaN`)),
		one("stray brace after it", email, "fail body.json ", after("}")),
		one("comment", email, "fail body.json ", after("// generated")),
		one("UTF-16", email, "fail body.json ", body("\xff\xfe{\x00}\x00")),
		one("byte-order mark", email, "fail body.bom ", before("\xef\xbb\xbf")),
		one("Latin-1", email, "fail body.utf8 ", swap("j****@", "j\xe9***@")),
		one("surrogate in UTF-8", email, "fail body.utf8 ", swap("j****@", "j\xed\xa0\x80***@")),
		one("overlong slash", email, "fail body.utf8 ", swap("j****@", "j\xc0\xaf***@")),
		one("lone high surrogate", email, "fail body.utf8 ", swap("j****@", `j\ud800***@`)),
		one("lone low surrogate", email, "fail body.utf8 ", swap("j****@", `j\uDC00***@`)),
		one("lone surrogate in a name", email, "fail body.utf8 ",
			swap(`"OTP_REQUIRED",`, `"OTP_REQUIRED","\ud800":1,`)),
		one("two broken names", email, "fail body.utf8 ",
			swap(`"OTP_REQUIRED",`, `"OTP_REQUIRED","`+"\xfe"+`":1,"`+"\xff"+`":1,`)),
		one("two values", email, "fail body.single ", after("{}")),
		one("two lines of JSON", email, "fail body.single ", after("\nnull\n")),
		one("name twice", email, "fail body.names /status",
			swap(`"OTP_REQUIRED",`, `"OTP_REQUIRED","status":"OTP_REQUIRED",`)),
		one("name twice, once escaped", email, "fail body.names /status",
			swap(`"OTP_REQUIRED",`, `"OTP_REQUIRED","st\u0061tus":"FAILED",`)),
		one("name twice below", email, "fail body.names /_embedded/devices/*/type",
			swap(`"EMAIL",`, `"EMAIL","type":"SMS",`)),
		one("odd name twice", email, "fail body.names /*",
			swap(`"OTP_REQUIRED",`, `"OTP_REQUIRED","ä b":1,"ä b":2,`)),
		one("too deep", email, "fail body.depth ", set("/x", deep101)),
		one("too deep, far", email, "fail body.depth ", body(strings.Repeat(`[`, 100_000))),
		one("array", email, "fail body.object ", before("["), after("]")),
		one("string", email, "fail body.object ", body(`"created"`)),
		one("null", email, "fail body.object ", body("null")),
		one("number", email, "fail body.object ", body("201")),
		one("longer than is read", email, "fail body.size ", cut),
		one("token in the body", email, "fail secret.token ", swap("j****@", token+"*@")),
		one("token escaped twice in the body", email, "fail secret.token ",
			swap("j****@", strings.Replace(token, "f", `\\u0066`, 1)+"*@")),
		one("token in percent in the body", email, "fail secret.token ",
			swap("j****@", strings.Replace(token, ".", `%2E`, 1)+"*@")),
		one("token in HTML's escapes in the body", email, "fail secret.token ",
			swap("j****@", strings.Replace(token, ".", `&#46;`, 1)+"*@")),
		one("token escaped in the body", email, "fail secret.token ",
			swap("j****@", strings.Replace(token, "f", `\u0066`, 1)+"*@")),
	}
}

// http2Mutations break each rule of HTTP/2.
func http2Mutations() (all []mutation) {
	for _, name := range []string{"length", "pseudo", "fields", "connection", "order", "closed", "idle",
		"push", "hpack", "settings", "window", "frame"} {
		all = append(all, one(name, email, "fail h2."+name+" ", overHTTP2, framing("h2."+name)))
	}
	return all
}

func headerMutations() []mutation {
	return []mutation{
		one("200", email, "fail http.status ", status(200)),
		one("202", email, "fail http.status ", status(202)),
		one("204", email, "fail http.status ", status(204), body("")),
		one("302", email, "fail http.status ", status(302), body("")),
		one("600", email, "fail http.status ", status(600)),
		one("no status", email, "fail http.status ", status(0)),
		one("wrong length", email, "fail http.length ", framing("http.length")),
		one("body where there is none", email, "fail http.bodyless ", framing("http.bodyless")),
		one("broken framing", email, "fail http.framing ", framing("http.framing")),
		one("no content type", email, "fail header.contentType Content-Type", field("Content-Type")),
		one("text", email, "fail header.contentType Content-Type", field("Content-Type", "text/plain")),
		one("another JSON", email, "fail header.contentType Content-Type",
			field("Content-Type", "application/problem+json")),
		one("no media type", email, "fail header.contentType Content-Type", field("Content-Type", "json")),
		one("another charset", email, "fail header.contentType Content-Type",
			field("Content-Type", "application/json; charset=ISO-8859-1")),
		one("two in one field", email, "fail header.contentType Content-Type",
			field("Content-Type", "application/json, text/plain")),
		one("content type of a refusal", refusal, "fail header.contentType Content-Type",
			field("Content-Type", "text/html")),
		one("content type twice", email, "fail header.contentTypeOnce Content-Type",
			field("Content-Type", "application/json", "application/json")),
		one("wrong content type twice", email, "fail header.contentTypeOnce Content-Type",
			field("Content-Type", "text/html", "text/html")),
		one("compressed", email, "fail header.contentEncoding Content-Encoding",
			field("Content-Encoding", "gzip"), body("\x1f\x8b\x08")),
		one("said to be compressed", email, "fail header.contentEncoding Content-Encoding",
			field("Content-Encoding", "br")),
		one("encoding of a refusal", refusal, "fail header.contentEncoding Content-Encoding",
			field("Content-Encoding", "gzip")),
		one("too many values", email, "fail body.size ",
			swap("\"OTP_REQUIRED\",", "\"OTP_REQUIRED\",\"list\":["+strings.Repeat("0,", 20_000)+"0],")),
		one("no correlation ID", email, "note header.correlationID Correlation-Id", field("Correlation-Id")),
		one("empty correlation ID", email, "note header.correlationID Correlation-Id",
			field("Correlation-Id", " ")),
		one("no correlation ID of a gateway", refused(502, "X"), "note header.correlationID Correlation-Id",
			body("<p>Bad Gateway"), field("Correlation-Id")),
		one("retry soon", refused(429, "REQUEST_LIMITED"), "fail header.retryAfter Retry-After",
			field("Retry-After", "soon")),
		one("retry after a fraction", refused(429, "REQUEST_LIMITED"), "fail header.retryAfter Retry-After",
			field("Retry-After", "1.5")),
		one("retry in the past", refused(503, "X"), "fail header.retryAfter Retry-After",
			field("Retry-After", "-1")),
		one("retry at an ISO time", refused(503, "X"), "fail header.retryAfter Retry-After",
			field("Retry-After", "2021-11-16T19:35:54Z")),
		one("empty retry", refused(503, "X"), "fail header.retryAfter Retry-After", field("Retry-After", "")),
		one("location elsewhere", email, "note header.location Location",
			field("Location", "https://auth.pingone.com/transactions/03e1897e-33b0-40b9-b54e-68236769b1fa")),
		one("location of another transaction", email, "note header.location Location",
			field("Location", strings.Replace(selfURL, "/03", "/13", 1))),
		one("location on another host", email, "note header.location Location",
			field("Location", strings.Replace(selfURL, ".com", ".eu", 1))),
		one("location relative to a folder", email, "note header.location Location",
			field("Location", "03e1897e-33b0-40b9-b54e-68236769b1fa")),
		one("location that is not a URL", email, "note header.location Location", field("Location", "%")),
		one("empty location", email, "note header.location Location", field("Location", "")),
		one("token in a header", email, "fail secret.token Authorization",
			field("authorization", "Bearer "+token)),
		one("token in percent in a header", email, "fail secret.token X-Next",
			field("X-Next", "/?t="+strings.ReplaceAll(token, "-", "%2d"))),
		one("token escaped in a header", email, "fail secret.token X-Debug",
			field("X-Debug", `{"t":"`+strings.Replace(token, "-", `\u002d`, 1)+`"}`)),
		one("token in a header of a refusal", refusal, "fail secret.token X-Echo",
			field("X-Echo", "["+token+"]")),
	}
}

func shapeMutations() (list []mutation) {
	for _, name := range members {
		rule := "shape.required"
		if name == "user" {
			rule = "echo.user" // it is required only where one was sent
		}
		list = append(list, one("no "+name, email, "fail "+rule+" /"+name, drop("/"+name)))
		list = append(list, one("number for "+name, email, "fail shape.type /"+name, set("/"+name, "7")))
		list = append(list, one("null for "+name, email, "fail shape.type /"+name, set("/"+name, "null")))
	}
	for _, pointer := range []string{"/environment/id", "/policy/id", "/user/id", "/_links/self",
		"/_links/self/href",
		"/_links/otp.check/href", "/_embedded/devices"} {
		list = append(list, one("no "+pointer, email, "fail shape.required "+pointer, drop(pointer)))
		list = append(list, one("boolean for "+pointer, email, "fail shape.type "+pointer,
			set(pointer, "true")))
	}
	optional := map[string]string{
		"/_embedded/devices/0/status":            "1",
		"/_embedded/devices/0/email":             "[]",
		"/_embedded/devices/0/phone":             "{}",
		"/_embedded/devices/0/nickname":          "1",
		"/_embedded/devices/0/rp":                `"ping"`,
		"/_embedded/devices/0/usableStatus":      `"ENABLED"`,
		"/_embedded/devices/0/id":                "1",
		"/_embedded/blockedDevices":              "{}",
		"/aggregateFido2Devices":                 `"true"`,
		"/bypassAllowed":                         "0",
		"/userBypassEnabled":                     "null",
		"/authenticators":                        `"a"`,
		"/application":                           `"a"`,
		"/pingIdDesktopCredentialRequestOptions": "{}",
		"/test":                                  `"123456"`,
		"/selectedDevice":                        `"EMAIL"`,
		"/publicKeyCredentialRequestOptions":     "{}",
		"/deviceSession":                         `"a"`,
		"/payload":                               "[]",
		"/numberMatching":                        "42",
		"/_embedded/accessingDevices":            "{}",
	}
	for pointer, value := range optional {
		list = append(list, one("type of "+pointer, email,
			"fail shape.type "+strings.Replace(pointer, "/0", "/*", 1), set(pointer, value)))
	}
	return append(list,
		one("device without a type", email, "fail shape.required /_embedded/devices/*/type",
			drop("/_embedded/devices/0/type")),
		one("device is a string", selection, "fail shape.type /_embedded/devices/*",
			set("/_embedded/devices/0", `"EMAIL"`)),
		one("authenticator is a number", email, "fail shape.type /authenticators/*",
			set("/authenticators", `["a",1]`)),
		one("one-time passcode is an object", email, "fail shape.type /test/otp", set("/test", `{"otp":{}}`)),
		one("one-time type is a number", oneTime, "fail shape.type /selectedDevice/oneTime/type",
			set("/selectedDevice/oneTime/type", "1")),
		one("one-time device is a string", oneTime, "fail shape.type /selectedDevice/oneTime",
			set("/selectedDevice/oneTime", `"EMAIL"`)),
		one("new member", email, "note field.unknown /riskLevel", set("/riskLevel", `"LOW"`)),
		one("new link", email, "note field.unknown /_links/push.resend",
			set("/_links/push.resend", href(selfURL))),
		one("new member below", email, "note field.unknown /_embedded/devices/*/serial",
			set("/_embedded/devices/0/serial", "{}")),
		one("odd member", email, "note field.unknown /user/*", set("/user/e-mail of the user", "1")),
		one("member named by an ID", email, "note field.unknown /*",
			set("/abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6", "1")),
		one("member named by a hash", email, "note field.unknown /*", set("/a1b2c3d4e5f60718", "1")),
		one("null for a new member", email, "note field.unknown /x", set("/x", "null")),
		one("new member of a refusal", refusal, "note field.unknown /traceID", set("/traceID", "1")),
		one("deep but not too deep", email, "note field.unknown /x", set("/x", deep100)),
	)
}

func formMutations() []mutation {
	var list []mutation
	ids := map[string]string{
		"no dashes":            "03e1897e33b040b9b54e68236769b1fa",
		"a letter too few":     "03e1897e-33b0-40b9-b54e-68236769b1f",
		"a letter too many":    "03e1897e-33b0-40b9-b54e-68236769b1faa",
		"no hexadecimal digit": "03e1897g-33b0-40b9-b54e-68236769b1fa",
		"braces":               "{03e1897e-33b0-40b9-b54e-68236769b1fa}",
		"empty":                "",
		"line feed":            `03e1897e-33b0-40b9-b54e-68236769b1fa\n`,
	}
	for name, id := range ids {
		list = append(list, one("ID with "+name, email, "fail id.form /id", set("/id", `"`+id+`"`)))
	}
	for _, pointer := range []string{"/environment/id", "/policy/id", "/_embedded/devices/0/id",
		"/selectedDevice/id"} {
		list = append(list, one("form of "+pointer, email,
			"fail id.form "+strings.Replace(pointer, "/0", "/*", 1), set(pointer, `"7"`)))
	}
	for _, s := range []string{"otp_required", "OTP-REQUIRED", "OTP REQUIRED", "OTP__REQUIRED", "_OTP",
		"2FA_REQUIRED", "", "Otp_Required", "OTP_REQUIRED\\n"} {
		list = append(list, one("status "+s, email, "fail status.form /status", set("/status", `"`+s+`"`)))
	}
	times := []string{"2021-11-16T19:35:54.554", "2021-11-16T19:35:54.554+00:00", "2021-11-16 19:35:54.554Z",
		"2021-11-16t19:35:54.554z",
		"2021-02-29T00:00:00.000Z", "2021-13-01T00:00:00.000Z", "2021-11-16T24:00:00.000Z",
		"2021-11-16T19:60:00.000Z", "2021-11-16T19:35Z",
		"2021-11-16T19:35:54.Z", "1637091354554", "21-11-16T19:35:54.554Z", "2021-11-16T19:35:54,554Z", ""}
	for _, s := range times {
		list = append(list, one("time "+s, email, "fail time.form /createdAt", set("/createdAt", `"`+s+`"`)))
	}
	return append(list,
		one("form of updatedAt", email, "fail time.form /updatedAt",
			set("/updatedAt", `"Tue, 16 Nov 2021 19:35:54 GMT"`)),
		one("two fraction digits", email, "note time.precision /updatedAt",
			set("/updatedAt", `"2021-11-16T19:35:54.72Z"`)),
		one("no fraction", email, "note time.precision /createdAt",
			set("/createdAt", `"2021-11-16T19:35:54Z"`)),
		one("nine fraction digits", email, "note time.precision /createdAt",
			set("/createdAt", `"2021-11-16T19:35:54.554123456Z"`)),
		one("new status", email, "note status.known /status", set("/status", `"OTP2_REQUIRED"`)),
		one("form of a device's type", selection, "fail device.type /_embedded/devices/*/type",
			set("/_embedded/devices/0/type", `"Email"`)),
		one("selected device without anything", email, "fail selected.form /selectedDevice",
			set("/selectedDevice", "{}")),
		one("selected device twice", oneTime, "fail selected.form /selectedDevice",
			set("/selectedDevice/id", other)),
		one("one-time device without a type", oneTime, "fail selected.form /selectedDevice",
			drop("/selectedDevice/oneTime/type")),
		one("one-time device without an address", oneTime, "fail selected.form /selectedDevice",
			drop("/selectedDevice/oneTime/email")),
	)
}

func crossMutations() []mutation {
	return []mutation{
		one("another user", email, "fail echo.user /user/id", set("/user/id", other)),
		one("another user in upper case", email, "fail echo.user /user/id",
			set("/user/id", `"888D4931-6936-43F2-82FF-178F5762298A"`)),
		one("type of the one-time device in another case", oneTime,
			"fail echo.oneTime /selectedDevice/oneTime/type",
			fact("request.selectedDevice.oneTime.type", "Email")),
		one("another environment", email, "fail echo.environment /environment/id",
			set("/environment/id", other)),
		one("another policy", email, "fail echo.policy /policy/id", set("/policy/id", other)),
		one("another of the user's devices", selection, "fail echo.device /selectedDevice/id",
			fact("request.selectedDevice.id", "ea055ca3-2b5b-4766-9628-95fc03f4ec9b"),
			set("/selectedDevice", `{"id":"0a0a0a0a-2b5b-4766-9628-95fc03f4ec9b"}`)),
		one("another type of the one-time device", oneTime, "fail echo.oneTime /selectedDevice/oneTime/type",
			fact("request.selectedDevice.oneTime.type", "SMS")),
		one("a device instead of the one-time device", email, "fail selected.oneTime /selectedDevice/oneTime",
			fact("request.selectedDevice.oneTime.type", "EMAIL")),
		one("null instead of the one-time device", oneTime, "fail selected.oneTime /selectedDevice/oneTime",
			fact("request.selectedDevice.oneTime.type", "EMAIL"),
			set("/selectedDevice", `{"id":"ea055ca3-2b5b-4766-9628-95fc03f4ec9b"}`)),
		one("another application", email, "note echo.application /application/id",
			fact("request.application.id", "a"), set("/application", `{"id":"b"}`)),
		one("another relying party", assertion, "note assertion.rp /publicKeyCredentialRequestOptions",
			fact("request.rp.id", "example.com"),
			set("/publicKeyCredentialRequestOptions", `"{\"rpId\":\"example.org\"}"`)),
		one("test mode without a passcode", oneTime, "note test.otp /test",
			fact("request.selectedDevice.oneTime.testMode", "true")),
		one("test mode with nothing", oneTime, "note test.otp /test/otp",
			fact("request.selectedDevice.oneTime.testMode", "true"), set("/test", `{}`)),
		one("created after the update", email, "fail time.order /createdAt",
			set("/createdAt", `"2021-11-16T19:35:54.728Z"`)),
		one("created a year after", email, "fail time.order /createdAt",
			set("/createdAt", `"2022-01-01T00:00:00.000Z"`)),
		one("nothing selected", email, "fail selected.required /selectedDevice", drop("/selectedDevice")),
		one("null selected where one must be", email, "fail selected.required /selectedDevice",
			set("/selectedDevice", "null")),
		one("null selected elsewhere", selection, "note selected.null /selectedDevice",
			set("/selectedDevice", "null")),
		one("broken options next to PingID desktop's", assertion,
			"fail assertion.options /publicKeyCredentialRequestOptions",
			set("/publicKeyCredentialRequestOptions", `"{"`),
			set("/pingIdDesktopCredentialRequestOptions", `"x"`)),
		one("PingID desktop's options as an object", assertion,
			"fail shape.type /pingIdDesktopCredentialRequestOptions",
			drop("/publicKeyCredentialRequestOptions"), set("/pingIdDesktopCredentialRequestOptions", `{}`)),
		one("no options", assertion, "fail assertion.options /publicKeyCredentialRequestOptions",
			drop("/publicKeyCredentialRequestOptions")),
		one("empty options", assertion, "fail assertion.options /publicKeyCredentialRequestOptions",
			set("/publicKeyCredentialRequestOptions", `""`)),
		one("broken options", assertion, "fail assertion.options /publicKeyCredentialRequestOptions",
			set("/publicKeyCredentialRequestOptions", `"{'a':1}"`)),
		one("options as an object", assertion, "fail shape.type /publicKeyCredentialRequestOptions",
			set("/publicKeyCredentialRequestOptions", `{}`)),
		one("failed without an error", failed, "fail failed.error /error", drop("/error")),
		one("failed with null", failed, "fail failed.error /error", set("/error", "null")),
		one("failed with a string", failed, "fail failed.error /error", set("/error", `"NO_USABLE_DEVICES"`)),
		one("failed without a code", failed, "fail failed.error /error", drop("/error/code")),
		one("failed with unavailable devices of a wrong type", failed, "fail failed.error /error",
			set("/error/unavailableDevices", `{"id":"a"}`)),
		one("failed with a numeric message", failed, "fail failed.error /error", set("/error/message", "1")),
	}
}

func linkMutations() []mutation {
	path := "abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6/deviceAuthentications"
	return []mutation{
		one("self relative", email, "fail links.self /_links/self/href",
			set("/_links/self", href("/"+path+"/03e1897e-33b0-40b9-b54e-68236769b1fa"))),
		one("self without a scheme", email, "fail links.self /_links/self/href",
			set("/_links/self", href("auth.pingone.com/"+path))),
		one("self without a host", email, "fail links.self /_links/self/href",
			set("/_links/self", href("https:///"+path+"/03e1897e-33b0-40b9-b54e-68236769b1fa"))),
		one("self empty", email, "fail links.self /_links/self/href", set("/_links/self", href(""))),
		one("self no URL", email, "fail links.self /_links/self/href",
			set("/_links/self", href("https://auth.pingone.com:x/%"))),
		one("all links of another transaction", email, "fail links.self /_links/self/href",
			swap(path+"/03e1897e", path+"/13e1897e")),
		one("all links of another environment", email, "fail links.self /_links/self/href",
			swap(path, "bbfba8f6-49eb-49f5-a5d9-80ad5c98f9f6/deviceAuthentications")),
		one("all links with /v1", email, "fail links.self /_links/self/href", swap(".com/", ".com/v1/")),
		one("all links with a slash at the end", email, "fail links.self /_links/self/href",
			swap(`1fa"`+"\n        }", `1fa/"`+"\n        }")),
		one("custom domain that keeps the environment", email, "fail links.self /_links/self/href",
			fact("basePath", "")),
		one("another link differs", email, "fail links.same /_links/otp.check/href",
			set("/_links/otp.check", href(selfURL+"/otp"))),
		one("another link on another host", email, "fail links.same /_links/device.select/href",
			set("/_links/device.select", href(strings.Replace(selfURL, ".com", ".eu", 1)))),
		one("an undocumented status' link differs", failed, "fail links.same /_links/device.select/href",
			set("/_links/device.select", href(selfURL+"?x"))),
		one("a relation that the contract does not name", email, "note field.unknown /_links/user",
			set("/_links/user", href(selfURL+"/user"))),
		one("a relation whose name only ends like a check", email, "note field.unknown /_links/recheck",
			set("/_links/recheck", href(selfURL+"/re"))),
		one("no device.select", email, "fail links.status /_links/device.select",
			drop("/_links/device.select")),
		one("no otp.check", email, "fail links.status /_links/otp.check", drop("/_links/otp.check")),
		one("no device.select at selection", selection, "fail links.status /_links/device.select",
			drop("/_links/device.select")),
		one("all links on another host", failed, "note links.host /_links/self/href",
			swap("auth.pingone.com", "auth.pingone.eu")),
		one("all links on another port", failed, "note links.host /_links/self/href",
			swap("auth.pingone.com", "auth.pingone.com:8443")),
		one("all links without TLS", failed, "note links.host /_links/self/href",
			swap("https://", "http://")),
	}
}

func deviceMutations() []mutation {
	return []mutation{
		one("new type", email, "note device.typeKnown /_embedded/devices/*/type",
			set("/_embedded/devices/0/type", `"HOLOGRAM"`)),
		one("new status of a device", email, "note device.statusKnown /_embedded/devices/*/status",
			set("/_embedded/devices/0/status", `"BLOCKED"`)),
		one("e-mail not masked", email, "fail device.masked /_embedded/devices/*/email",
			set("/_embedded/devices/0/email", `"john@pingidentity.com"`)),
		one("only the domain masked", email, "fail device.masked /_embedded/devices/*/email",
			set("/_embedded/devices/0/email", `"john@p***.com"`)),
		one("e-mail shows the local part", oneTime, "fail device.masked /_embedded/devices/*/email",
			set("/_embedded/devices/0/email", `"Abel.Magwitch*@ping.com"`)),
		one("phone not masked", email, "fail device.masked /_embedded/devices/*/phone",
			set("/_embedded/devices/0/phone", `"+1 413 555 0150"`)),
		one("phone with ten digits in a row", email, "fail device.masked /_embedded/devices/*/phone",
			set("/_embedded/devices/0/phone", `"*4135550150"`)),
		one("phone shows the number", oneTimePhone, "fail device.masked /_embedded/devices/*/phone",
			set("/_embedded/devices/0/phone", `"+1 413*555*0150"`)),
		one("selected e-mail not masked", oneTime, "note selected.masked /selectedDevice/oneTime/email",
			set("/selectedDevice/oneTime/email", `"x@ping.com"`)),
		one("selected phone not masked", oneTimePhone, "note selected.masked /selectedDevice/oneTime/phone",
			set("/selectedDevice/oneTime/phone", `"0150"`)),
		one("device twice", selection, "note device.unique /_embedded/devices/*/id",
			set("/_embedded/devices/1/id", `"ea055ca3-2b5b-4766-9628-95fc03f4ec9b"`)),
		one("selected device is none of them", email, "fail device.known /selectedDevice/id",
			set("/selectedDevice/id", other)),
		one("selected device is in no list", email, "fail device.known /selectedDevice/id",
			set("/selectedDevice/id", other),
			set("/_embedded/accessingDevices", `[{"id":"21111111-2222-3333-4444-555555555555"}]`),
			set("/_embedded/blockedDevices", `[{"id":"31111111-2222-3333-4444-555555555555"}]`)),
		one("device twice, once in upper case", selection, "note device.unique /_embedded/devices/*/id",
			set("/_embedded/devices/1/id", `"EA055CA3-2B5B-4766-9628-95FC03F4EC9B"`)),
		one("member of a blocked device", email, "note field.unknown /_embedded/blockedDevices/*/serial",
			set("/_embedded/blockedDevices", `[{"id":"x","serial":1}]`)),
	}
}

func errorMutations() []mutation {
	gone := refused(404, "NOT_FOUND")
	list := []mutation{
		one("page of a gateway", refusal, "fail error.body ", body("<html>Bad Request</html>"),
			field("Content-Type", "text/html")),
		one("empty refusal", refusal, "fail error.body ", body(""), field("Content-Type")),
		one("another service's refusal", refusal, "fail error.body ", body(`{"error":"invalid_client"}`)),
		one("refusal is an array", refusal, "fail error.body ", before("["), after("]")),
		one("refusal cut", refusal, "fail error.body ", body(`{"code":"INVALID_DATA","mess`)),
		one("refusal too long", refusal, "fail error.body ", cut),
		one("page at 500", refused(500, "UNEXPECTED_ERROR"), "fail error.body ", body("oops")),
		one("page at 404", gone, "fail error.body ", body("404 page not found")),
		one("refusal with a byte-order mark", refusal, "fail body.bom ", before("\xef\xbb\xbf")),
		one("refusal with a name twice", refusal, "fail body.names /code",
			swap(`"INVALID_DATA",`, `"INVALID_DATA","code":"X",`)),
		one("refusal twice", refusal, "fail body.single ", after("{}")),
		one("refusal in Latin-1", refusal, "fail body.utf8 ", swap("completed", "compl\xe9t\xe9")),
		one("refusal without an ID", refusal, "fail shape.required /id", drop("/id")),
		one("refusal without a code", refusal, "fail shape.required /code", drop("/code")),
		one("refusal without a message", gone, "fail shape.required /message", drop("/message")),
		one("refusal at 403 without a code", refused(403, "ACCESS_FAILED"), "fail error.body ", drop("/code"),
			drop("/id")),
		one("edge's refusal", refused(403, "X"), "fail error.body ", body(`{"message":"Forbidden"}`)),
		one("edge's limit", refused(429, "X"), "fail error.body ", body(`{"message":"Too Many Requests"}`)),
		one("edge's failure", refused(500, "X"), "fail error.body ", body(`{"message":null}`)),
		one("408 that claims to be the platform's", refused(408, "X"), "fail shape.required /message",
			drop("/message")),
		one("refusal with a numeric code", refusal, "fail shape.type /code", set("/code", "400")),
		one("refusal with a null message", refusal, "fail shape.type /message", set("/message", "null")),
		one("refusal with details as an object", refusal, "fail shape.type /details", set("/details", "{}")),
		one("detail without a code", refusal, "fail shape.required /details/*/code",
			set("/details", `[{"message":"m"}]`)),
		one("detail without a message", refusal, "fail shape.required /details/*/message",
			set("/details", `[{"code":"c","message":"m"},{"code":"c"}]`)),
		one("detail with a numeric target", refusal, "fail shape.type /details/*/target",
			set("/details", `[{"code":"c","message":"m","target":1}]`)),
		one("detail with a text as inner error", refusal, "fail shape.type /details/*/innerError",
			set("/details", `[{"code":"c","message":"m","innerError":"x"}]`)),
		one("detail with the other spelling", refusal, "fail shape.type /details/*/innererror",
			set("/details", `[{"code":"c","message":"m","innererror":[]}]`)),
		one("form of a refusal's ID", refusal, "fail id.form /id", set("/id", `"6c796712"`)),
		one("form of a limit's ID", refused(429, "REQUEST_LIMITED"), "fail id.form /id", set("/id", `"x"`)),
		one("gateway's body that claims to be the platform's", refused(502, "X"),
			"fail shape.required /message", drop("/message")),
		one("504 that claims to be the platform's", refused(504, "X"), "fail shape.required /id",
			drop("/id")),
		one("token escaped in a gateway's page", refused(502, "X"), "fail secret.token ",
			body("<p>"+strings.Replace(token, "-", "&#x2D;", 1)+"</p>")),
		one("token in a gateway's page", refused(502, "X"), "fail secret.token ", body("<p>"+token+"</p>")),
	}
	for code, known := range map[int]string{400: "INVALID_DATA", 401: "ACCESS_FAILED", 403: "ACCESS_FAILED",
		404: "NOT_FOUND", 415: "INVALID_REQUEST", 429: "REQUEST_LIMITED", 500: "UNEXPECTED_ERROR"} {
		list = append(list, one("new code for "+known, refused(code, "TEAPOT"), "note error.known /code"))
	}
	return list
}

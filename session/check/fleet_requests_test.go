package check_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

func validationMutants() (all []mutant) {
	for _, path := range slices.Sorted(maps.Keys(kinds)) {
		all = append(all,
			accepts("validation left out", path+" of any type", func(c *call) bool {
				v, has := c.at(path)
				return has && kindOf(v) != kinds[path] && v != nil
			}),
			accepts("validation left out", path+" null", func(c *call) bool {
				v, has := c.at(path)
				return has && v == nil
			}))
		if kinds[path] == "string" {
			all = append(all, accepts("validation left out", path+" a number for a text", func(c *call) bool {
				v, _ := c.at(path)
				return kindOf(v) == "number"
			}))
		}
	}
	for _, path := range ids {
		all = append(all, accepts("validation left out", path+" in any form", func(c *call) bool {
			v, _ := c.at(path)
			return kindOf(v) == "string" && !isPlainID(c.text(path))
		}))
	}
	for _, path := range []string{"user.id", "policy.id", "selectedDevice.oneTime.type"} {
		above := path[:strings.LastIndexByte(path, '.')]
		all = append(all, accepts("validation left out", path+" missing", func(c *call) bool {
			v, _ := c.at(above)
			_, has := c.at(path)
			return kindOf(v) == "object" && !has
		}))
	}
	for _, kind := range []string{"EMAIL", "SMS", "VOICE"} {
		all = append(all, accepts("validation left out", kind+" without an address", func(c *call) bool {
			_, mail := c.at("selectedDevice.oneTime.email")
			_, phone := c.at("selectedDevice.oneTime.phone")
			return c.text("selectedDevice.oneTime.type") == kind && !mail && !phone
		}))
	}
	return append(all,
		accepts("validation left out", "a selected device without anything", func(c *call) bool {
			v, _ := c.at("selectedDevice")
			device, is := v.(map[string]any)
			return is && len(device) == 0
		}),
		accepts("validation left out", "any type of one-time device", func(c *call) bool {
			v, has := c.at("selectedDevice.oneTime.type")
			return has && kindOf(v) == "string" && !slices.Contains([]string{"EMAIL", "SMS", "VOICE"},
				v.(string))
		}),
		accepts("validation left out", "any address",
			func(c *call) bool { return c.text("selectedDevice.oneTime.email") != "" }),
		accepts("validation left out", "an empty address", func(c *call) bool {
			v, has := c.at("selectedDevice.oneTime.email")
			return has && v == ""
		}),
		accepts("validation left out", "any number",
			func(c *call) bool { return c.text("selectedDevice.oneTime.phone") != "" }),
		accepts("validation left out", "an unknown user", func(c *call) bool {
			return isPlainID(c.text("user.id")) && strings.HasPrefix(c.text("user.id"), "00000000")
		}),
		accepts("validation left out", "an unknown policy", func(c *call) bool {
			return isPlainID(c.text("policy.id")) && strings.HasPrefix(c.text("policy.id"), "00000000")
		}),
		accepts("validation left out", "an unknown device",
			func(c *call) bool { return isPlainID(c.text("selectedDevice.id")) }))
}

// parserMutants read JSON as libraries do that are set up to forgive.
func parserMutants() []mutant {
	broken := func(name string, wrong func(c *call) bool) mutant {
		return accepts("forgiving parser", name, func(c *call) bool { return c.json == nil && wrong(c) })
	}
	has := func(text string) func(c *call) bool {
		return func(c *call) bool { return bytes.Contains(c.body, []byte(text)) }
	}
	whole := func(c *call) []byte { return bytes.TrimSpace(c.body) }
	return []mutant{
		broken("a trailing comma", has(",}")), broken("comments", has("/*")), broken("single quotes",
			has("'user'")),
		broken("names without quotes", has("{user:")), broken("NaN", has("NaN")), broken("leading zeros",
			has(":01")),
		broken("tokens after the value", func(c *call) bool {
			d := json.NewDecoder(bytes.NewReader(c.body))
			var v map[string]any
			return d.Decode(&v) == nil && d.InputOffset() < int64(len(c.body))
		}),
		broken("an empty body", func(c *call) bool { return len(whole(c)) == 0 }),
		broken("a body that is cut off", func(c *call) bool {
			return bytes.HasPrefix(c.body, []byte(`{"user"`)) && !bytes.HasSuffix(c.body, []byte("}}"))
		}),
		broken("control characters", has("\x01")), broken("unknown escapes", has(`\x`)),
		broken("a zero byte at the end", func(c *call) bool { return bytes.HasSuffix(c.body, []byte{0}) }),
		broken("any text", func(c *call) bool { return true }),
		broken("XML", has("<user")), broken("a form", has("user.id=")),
		broken("UTF-16", has("{\x00")), broken("a byte-order mark", has("\ufeff")),
		accepts("forgiving parser", "overlong UTF-8", has("\xc0\xb7")),
		accepts("forgiving parser", "bytes that are no UTF-8", has("\xff")),
		accepts("forgiving parser", "half a surrogate pair", has(`\ud800`)),
		accepts("forgiving parser", "a value in an array of one", func(c *call) bool {
			for path := range kinds {
				if v, _ := c.at(path); kindOf(v) == "array" && len(v.([]any)) == 1 {
					return true
				}
			}
			list, is := c.json.([]any)
			return is && len(list) == 1
		}),
		accepts("forgiving parser", "an empty array for nothing", func(c *call) bool {
			list, is := c.json.([]any)
			return is && len(list) == 0
		}),
		accepts("forgiving parser", "null for a body", has("null")),
		accepts("forgiving parser", "a text for a body",
			func(c *call) bool { return kindOf(c.json) == "string" }),
		accepts("forgiving parser", "a number for a body",
			func(c *call) bool { return kindOf(c.json) == "number" }),
		accepts("forgiving parser", "a name twice", func(c *call) bool {
			return strings.Count(string(c.body), `"user":`) > 1 || strings.Count(string(c.body),
				`"policy":`) > 1 ||
				strings.Count(string(c.body), `"id":`) > strings.Count(string(c.body), `{"id":`)+1 ||
				strings.Count(string(c.body), `"type":`) > 1
		}),
		accepts("forgiving parser", "an object inside an object of its name", func(c *call) bool {
			_, nested := c.at("user.id.id")
			return nested
		}),
	}
}

func limitMutants() (all []mutant) {
	for _, path := range ids {
		form := func(name string, is func(s string) bool) {
			all = append(all, accepts("a limit is off", path+" "+name, func(c *call) bool {
				s := c.text(path)
				return s != "" && !isPlainID(s) && is(s)
			}))
		}
		form("one character shorter",
			func(s string) bool { return len(s) == 35 && strings.Count(s, "-") == 4 })
		form("one character longer",
			func(s string) bool { return len(s) == 37 && isPlainID(s[:36]) && s[36] != '\n' })
		form("without hyphens", func(s string) bool { return len(s) == 32 })
		form("in braces", func(s string) bool { return s[0] == '{' })
		form("with a line end", func(s string) bool { return strings.HasSuffix(s, "\n") })
		form("with a space", func(s string) bool { return s[0] == ' ' })
		form("with letters beyond f",
			func(s string) bool { return len(s) == 36 && strings.ContainsAny(s, "gG") })
		all = append(all, changes("a limit is off", path+" in upper case refused", func(c *call,
			a *reply) *reply {
			if s := c.text(path); a.status == 201 && s == strings.ToUpper(s) && strings.ToLower(s) != s {
				return refusal(400, "INVALID_DATA", "INVALID_VALUE", path)
			}
			return a
		}))
	}
	long := func(name string, limit int) mutant {
		return changes("a limit is off", name, func(c *call, a *reply) *reply {
			if n := len(c.Header.Get("X-Filler")); n > limit && a.status == 201 {
				return refusal(431, "INVALID_REQUEST", "", "")
			}
			return a
		})
	}
	return append(all, long("header fields up to 2 KB", 2048), long("header fields up to 3 KB", 3000),
		accepts("a limit is off", "header fields up to 8 KB", func(c *call) bool {
			n := len(c.Header.Get("X-Filler"))
			return n > 6000 && n < 8192
		}),
		accepts("a limit is off", "header fields of any length",
			func(c *call) bool { return len(c.Header.Get("X-Filler")) > 6000 }),
		accepts("a limit is off", "types of devices in lower case", func(c *call) bool {
			s := c.text("selectedDevice.oneTime.type")
			return s != "" && s == strings.ToLower(s)
		}),
		accepts("a limit is off", "a type of device that is not documented", func(c *call) bool {
			s := c.text("selectedDevice.oneTime.type")
			return s != "" && s == strings.ToUpper(s) && s == strings.TrimSpace(s)
		}),
		accepts("a limit is off", "a type of device with a space",
			func(c *call) bool { return strings.HasSuffix(c.text("selectedDevice.oneTime.type"), " ") }))
}

// refusingMutants refuse what is valid.
func refusingMutants() (all []mutant) {
	refuses := func(name string, valid func(c *call) bool) {
		all = append(all, changes("valid requests refused", name, func(c *call, a *reply) *reply {
			if a.status == 201 && valid(c) {
				return refusal(400, "INVALID_DATA", "INVALID_VALUE", "user.id")
			}
			return a
		}))
	}
	for _, path := range slices.Sorted(maps.Keys(kinds)) {
		if path == "user" || path == "user.id" || strings.HasPrefix(path, "rp") || path == "mobilePayload" ||
			strings.HasPrefix(path, "notification.template.") && kinds[path] == "string" {
			continue // those may be refused: what they name is not there
		}
		refuses("any "+path, func(c *call) bool { _, has := c.at(path); return has })
	}
	for _, kind := range []string{"EMAIL", "SMS", "VOICE"} {
		refuses("one-time devices of type "+kind,
			func(c *call) bool { return c.text("selectedDevice.oneTime.type") == kind })
	}
	both := func(a, b string) func(c *call) bool {
		return func(c *call) bool {
			_, first := c.at(a)
			_, second := c.at(b)
			return first && second
		}
	}
	refuses("a policy with a device", both("policy", "selectedDevice"))
	refuses("a policy with a notification", both("policy", "notification"))
	refuses("a policy with an application", both("policy", "application"))
	refuses("a device with an application", both("selectedDevice", "application"))
	refuses("a device with a notification", both("selectedDevice", "notification"))
	refuses("testMode true", func(c *call) bool {
		v,
			_ := c.at("selectedDevice.oneTime.testMode")
		return v == true
	})
	refuses("testMode false", func(c *call) bool {
		v,
			_ := c.at("selectedDevice.oneTime.testMode")
		return v == false
	})
	refuses("a plus in an address",
		func(c *call) bool { return strings.Contains(c.text("selectedDevice.oneTime.email"), "+") })
	refuses("a dot in a number",
		func(c *call) bool { return strings.Contains(c.text("selectedDevice.oneTime.phone"), ".") })
	refuses("escapes", func(c *call) bool { return bytes.Contains(c.body, []byte(`\u00`)) })
	refuses("white space", func(c *call) bool { return bytes.ContainsAny(c.body[:1], " \r\n\t") })
	refuses("user as a later member", func(c *call) bool {
		return !bytes.HasPrefix(bytes.TrimSpace(c.body),
			[]byte(`{"user"`)) && len(c.body) > 2 && bytes.HasPrefix(c.body, []byte(`{"`)) &&
			!bytes.HasPrefix(c.body, []byte(`{"\`))
	})
	refuses("beyond ASCII", func(c *call) bool {
		return strings.ContainsFunc(string(c.body),
			func(r rune) bool { return r > 127 })
	})
	refuses("a charset",
		func(c *call) bool { return strings.Contains(c.Header.Get("Content-Type"), "charset") })
	refuses("a media type in upper case",
		func(c *call) bool { return strings.Contains(c.Header.Get("Content-Type"), "JSON") })
	refuses("Accept */*", func(c *call) bool { return c.Header.Get("Accept") == "*/*" })
	refuses("Accept hal+json",
		func(c *call) bool { return strings.Contains(c.Header.Get("Accept"), "hal+json") })
	refuses("a transaction ID",
		func(c *call) bool { return c.Header.Get("X-Ping-External-Transaction-ID") != "" })
	refuses("a session ID", func(c *call) bool { return c.Header.Get("X-Ping-External-Session-ID") != "" })
	return all
}

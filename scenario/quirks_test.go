package scenario_test

import (
	"strings"
	"testing"

	"mfaload/scenario"
)

const plainFile = `name: test
description: a 😀/b
target: {simulator: {}}
users: [{name: email, ids: [788d4931-6936-43f2-82ff-178f5762298a]}]
load: {stages: [{rate: 10/s, duration: 10s}]}
`

const jsonFile = `{"name": "test", "description": "a \ud83d\ude00\/b", "target": {"simulator": {}},
	"users": [{"name": "email", "ids": ["788d4931-6936-43f2-82ff-178f5762298a"]}],
	"load": {"stages": [{"rate": "10/s", "duration": "10s"}]}}`

// What editors and other programs put around a scenario changes nothing of it.
func TestYAMLAsProgramsWriteIt(t *testing.T) {
	want := parse(t, "f", plainFile).Hash()
	for name, text := range map[string]string{
		"YAML 1.1":                          "%YAML 1.1\n---\n" + plainFile,
		"YAML 1.2":                          "%YAML 1.2\n---\n" + plainFile,
		"YAML 1.2 and CRLF":                 strings.ReplaceAll("%YAML 1.2\n---\n"+plainFile, "\n", "\r\n"),
		"YAML 1.2 below comments":           "# ours\n\n%YAML 1.2 # theirs\n---\n" + plainFile,
		"YAML 1.2 with a byte-order mark":   "\uFEFF%YAML 1.2\n---\n" + plainFile,
		"YAML 1.2 with tags":                "%TAG ! tag:example.com,2000:\n%YAML 1.2\n---\n" + plainFile,
		"--- at the end":                    plainFile + "---\n",
		"--- and a comment at the end":      plainFile + "---\n# end\n",
		"... and --- at the end":            plainFile + "...\n---\n",
		"--- twice at the start":            "---\n---\n" + plainFile,
		"two byte-order marks":              "\uFEFF\uFEFF" + plainFile,
		"CR alone":                          strings.ReplaceAll(plainFile, "\n", "\r"),
		"JSON":                              jsonFile,
		"JSON with a byte-order mark, CRLF": "\uFEFF" + strings.ReplaceAll(jsonFile, "\n", "\r\n") + "\r\n",
		"JSON in one line":                  strings.ReplaceAll(jsonFile, "\n\t", ""),
	} {
		s, err := scenario.Parse("f", []byte(text), lookup)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if s.Hash() != want || s.Description != "a 😀/b" {
			t.Errorf("%s: another scenario: %q", name, s.Description)
		}
	}
}

func TestRemediesForWhatEditorsMake(t *testing.T) {
	target := func(lines string) string {
		return strings.Replace(plainFile, "target: {simulator: {}}", "target:\n  authPath: "+
			"http://localhost\n  envID: abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6\n  accessToken: x\n"+lines, 1)
	}
	const quote = `put the IPv6 address in quotes, such as "::1" or "[::1]:8443"`
	for text, want := range map[string]string{
		"%YAML 2.0\n---\n" + plainFile: "f:1:1: not YAML: found incompatible YAML document\n" +
			"    write %YAML 1.2, or remove the line",
		plainFile + "---\nname: x\n": "f:6:1: a second YAML document starts here\n" +
			"    keep one document in a file",
		`{"name": "t", "x": 1,` + "\n" + `  "name": "u"}`: "f:2:3: \"name\" is a duplicate in the file\n" +
			"    keep one of them; the first is in line 1",
		`{"name": "é😀\ud83d\ude00", "lod": 1}`: "f:1:28: unknown key \"lod\"\n    did you mean \"load\"?",
		`{"name": "a \ud83d b"}`: "f:1:1: not YAML: found invalid Unicode character escape code\n" +
			"    write the character itself, or both halves of the pair: \\ud83d\\ude00",
		target("  resolve: [::1]"): "f:7:3: not YAML: did not find expected node content\n    " +
			quote,
		target("  resolve: [::]"): "f:7:3: not YAML: did not find expected node content\n    " +
			quote,
		target("  resolve:\n    - [::1]:8443"): "f:8:5: not YAML: did not find expected node content\n    " +
			quote,
		target("  sourceAddresses: [::1, 2001:db8::1]"): "f:7:3: not YAML: did not find expected node " +
			"content\n    " + quote,
		"target: {authPath: http://[::1]:80, accessToken: '${T}'}\n": "f:1:1: not YAML: did not find " +
			"expected ',' or '}'\n    " + quote,
		"name: t\nload:\u00a0{}\n": "f:2:1: not YAML: could not find expected ':'\n" +
			"    replace the no-break space of this line by a plain one",
		"load:\n\u00a0\u00a0stages: []\n": `unknown key "\u00a0\u00a0stages"` +
			"\n    remove the space or invisible character of a browser or word processor next to it; " +
			"indent with plain spaces",
		"name: a\n\uFEFFload: {}\n": "unknown key \"\\ufeffload\"\n" +
			"    remove the space or invisible character of a browser or word processor next to it; indent " +
			"with plain spaces",
		"name: \u201ca: b\u201d\n": "f:1:1: not YAML: mapping values are not allowed in this context\n" +
			"    write straight quotes: \"",
		"users:\n\u2013 {name: a}\nload: {}\n": "f:2:1: unknown key \"– {name\"\n" +
			"    write the items of a list with a hyphen: '- '",
		"\x1f\x8b\x08rest": "f:1:1: the file is compressed with gzip\n    unpack it first, with gunzip",
		"PK\x03\x04rest": "f:1:1: the file is a spreadsheet (.xlsx) or a zip archive\n" +
			"    save the sheet as CSV UTF-8, or unpack the archive",
		"<!DOCTYPE html>": "f:1:1: the file is HTML or XML\n    download or export the text itself",
		"n\x00a\x00m\x00e\x00:\x00": "f:1:1: the file is UTF-16 without a byte-order mark\n" +
			"    save it as UTF-8",
	} {
		_, err := scenario.Parse("f", []byte(text), lookup)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: got %v\nwant %s", text, err, want)
		}
	}
}

package contract_test

import (
	"testing"

	"mfaload/contract"
)

// The examples of RFC 7396, appendix A, whose patch is an object.
func TestOverlayIsAMergePatch(t *testing.T) {
	for _, test := range []struct{ document, patch, want string }{
		{`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`},
		{`{"a":"b"}`, `{"a":null}`, `{}`},
		{`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`},
		{`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`},
		{`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`},
		{`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`},
		{`{"e":null}`, `{"a":1}`, `{"e":null,"a":1}`},
		{`[1,2]`, `{"a":"b","c":null}`, `{"a":"b"}`},
		{`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},
		{`{"b":1,"c":{"y":1}}`, `{"c":{"x":[{"n":null}]},"a":2}`,
			`{"b":1,"c":{"y":1,"x":[{"n":null}]},"a":2}`},
	} {
		got, err := contract.Overlay([]byte(test.document), []byte(test.patch))
		if err != nil || string(got) != test.want {
			t.Errorf("%s with %s: %s, %v; want %s", test.document, test.patch, got, err, test.want)
		}
	}
}

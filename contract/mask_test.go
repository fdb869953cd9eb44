package contract_test

import (
	"testing"
	"unicode/utf8"

	"mfaload/contract"
)

var masks = []struct{ in, want string }{
	{"", ""},
	{"OTP_REQUIRED", "OTP_REQUIRED"},
	{"the answer is 42", "the answer is 42"},
	{"Bearer abc.def", "Bearer ***"},
	{"authorization: bearer  x-1", "authorization: bearer  ***"},
	{"eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "***"},
	{"token=eyJhbGciOiJSUzI1NiJ9.eyJzdWIi&x", "token=***&x"},
	{"john@example.com", "j***@***"},
	{"j****@pingidentity.com", "j***@***"},
	{`{"email":"öl@example.com"}`, `{"email":"ö***@***"}`},
	{"john%40example.com", "j***@***"},
	{`{"message":"john\u0040example.com \u002B14135550150"}`, `{"message":"j***@*** ***"}`},
	{`\u006aohn\u0040a.b says \u0022hi\u0022\u005c\u0007`, `j***@*** says \u0022hi\u0022\u005c\u0007`},
	{"mail john@a.b, jane@a.b", "mail j***@***, j***@***"},
	{"+1 413 555-0150", "***"},
	{"+14135550150", "***"},
	{"4135550", "***"},
	{"413555", "413555"},
	{"788d4931-6936-43f2-82ff-178f57622987", "788d4931-6936-43f2-82ff-178f57622987"},
	{"/12345678-1234-1234-1234-123456789012/x", "/12345678-1234-1234-1234-123456789012/x"},
	{"2021-11-16T19:35:54.554123456Z", "2021-11-16T19:35:54.554123456Z"},
	{"1637091354554", "***"},
	{`{"otp":"123456"}`, `{"otp":"***"}`},
	{`{"otp" : 123456, "a":1}`, `{"otp" : "***", "a":1}`},
	{`{"OTP":"1\"2","a":1}`, `{"OTP":"***","a":1}`},
	{`{"password":"p","client_secret":"q","accessToken":"r"}`, `{"password":"***","client_secret":"***","accessToken":"***"}`},
	{`{"user":{"id":"788d4931-6936-43f2-82ff-178f5762298a"},"selectedDevice":{"oneTime":{"type":"SMS","phone":"+14135550150"}}}`,
		`{"user":{"id":"788d4931-6936-43f2-82ff-178f5762298a"},"selectedDevice":{"oneTime":{"type":"SMS","phone":"***"}}}`},
}

func TestMask(t *testing.T) {
	for _, tt := range masks {
		if got := contract.Mask(tt.in); got != tt.want {
			t.Errorf("Mask(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func FuzzMask(f *testing.F) {
	for _, tt := range masks {
		f.Add(tt.in)
	}
	f.Fuzz(func(t *testing.T, s string) {
		once := contract.Mask(s)
		if utf8.ValidString(s) && !utf8.ValidString(once) {
			t.Errorf("Mask(%q) = %q is no UTF-8", s, once)
		}
		if again := contract.Mask(contract.Mask(once)); again != contract.Mask(again) {
			t.Errorf("%q is masked further and further", s)
		}
	})
}

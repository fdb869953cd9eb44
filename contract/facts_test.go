package contract_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mfaload/contract"
)

// Facts hold members, types and codes, and no other value.
func TestShapeFacts(t *testing.T) {
	got := contract.ShapeFacts(&contract.Exchange{Label: "201 OTP_REQUIRED",
		Header: contract.Fields{{Name: "content-type", Value: "application/json"},
			{Name: "Date", Value: "now"}},
		Body: []byte(`{"status": "OTP_REQUIRED", "user": {"id": "788d4931"}, "list": [{"type": "SMS"}, ` +
			`{"type": "SMS"}], "jane@example.com": null, "otp": "A1B2C3", "s3cret": {}}`)},
		func(s string) string { return strings.ReplaceAll(s, "s3cret", "***") })
	slices.Sort(got)
	want := []string{"/ is object", "/* is null", "/* is object", "/list is array", "/list/* is object",
		"/list/*/type = SMS", "/list/*/type is string", "/otp is string",
		"/status = OTP_REQUIRED", "/status is string", "/user is object", "/user/id is string",
		"header Content-Type"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

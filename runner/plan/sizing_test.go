package plan_test

import (
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"mfaload/internal/number"
	"mfaload/pingone/limits"
	"mfaload/runner/plan"
	"mfaload/scenario"
)

// The table of docs/guides/sizing.md is what plans say.
func TestSizingGuide(t *testing.T) {
	page, err := os.ReadFile("../../docs/guides/sizing.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, logins := range []float64{250_000, 1_000_000, 2_000_000, 5_000_000, 10_000_000} {
		if row := sizingRow(t, logins); !strings.Contains(string(page), row) {
			t.Errorf("the guide has no row\n%s", row)
		}
	}
	if z := (plan.Sizing{LoginsPerDay: 2_000_000, PeakFactor: 4}); !strings.Contains(string(page),
		fmt.Sprintf("2,000,000 logins a day / 86,400 s = %s/s; × 4 = %s/s\n", number.Significant(z.Mean()),
			number.Significant(z.Rate()))) {
		t.Error("the guide's arithmetic is another one")
	}
}

func sizingRow(t *testing.T, logins float64) string {
	z := plan.Sizing{LoginsPerDay: logins, PeakFactor: 4}
	license := math.Ceil(z.Rate() * 100 / float64(limits.Get(limits.RateAlert).Value))
	of := func(group string) *plan.RunPlan {
		s := limited(t, 1, fmt.Sprintf(", entitlement: {rate: %v/s}", license), group,
			flat(fmt.Sprintf("%.4f/s", z.Rate()), "10m"))
		s.Groups[0].MaxPerUser = scenario.DefaultMaxPerUser
		if group == push {
			s.Groups[0].MaxPerUser = limits.Get(limits.Push).Value
		}
		return plan.New(s, 0)
	}
	otp, pushes := of(", expect: {status: OTP_REQUIRED}"), of(push)
	if first := otp.First(); first != nil && first.Name == limits.RateAlert {
		t.Errorf("%v logins pass the alert: %+v", logins, first)
	}
	return fmt.Sprintf("| %s | %s/s | %s | %s | %s | %s/s | %d |\n", number.Count(uint64(logins)),
		number.Significant(z.Rate()), number.Count(otp.Requests), number.Count(otp.UsersNeeded),
		number.Count(pushes.UsersNeeded), number.Significant(license), otp.AddressesNeeded)
}

// Package simulator is a stand-in for PingOne MFA's device authentications: an
// http.Handler with users and their devices, latency, stalls, a rate limit and
// named faults. It is written from the documented contract alone and shares no
// code with what checks responses, so that each tests the other.
package simulator

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"mfaload/scenario"
)

// statuses are the documented values of a response's status.
var statuses = []string{"OTP_REQUIRED", "DEVICE_SELECTION_REQUIRED", "COMPLETED",
	"PUSH_CONFIRMATION_REQUIRED",
	"PUSH_CONFIRMATION_TIMED_OUT", "ASSERTION_REQUIRED", "FAILED"}

// check looks for what a simulator can't be. A scenario's parser refuses most of it
// earlier, with a place.
func check(c *scenario.Simulator) error {
	for _, u := range c.Users {
		if err := checkUsers(&u); err != nil {
			return err
		}
	}
	if s := c.Servers; s != nil {
		switch {
		case s.Time.Kind == "":
			return errors.New("simulator: servers need a time: say how long serving one request takes")
		case s.Collapse != nil && s.Count == 0:
			return errors.New("simulator: a collapse needs a count of servers: it comes at a share of " +
				"their full rate")
		}
	}
	for _, f := range c.Faults {
		if _, known := faults[f.Name]; !known {
			return fmt.Errorf("simulator: unknown fault %q: use one of %s", f.Name,
				strings.Join(faultNames(), ", "))
		}
		if !(f.Share > 0 && f.Share <= 1) {
			return fmt.Errorf("simulator: fault %s: the share %v is not above 0 and at most 1", f.Name,
				f.Share)
		}
	}
	return nil
}

func checkUsers(u *scenario.SimulatedUsers) error {
	if len(u.IDs) == 0 {
		return nil
	}
	if u.Status != "" && !slices.Contains(statuses, u.Status) {
		return fmt.Errorf("simulator: user %s: %q is no documented status: use one of %s", u.IDs[0], u.Status,
			strings.Join(statuses, ", "))
	}
	for _, d := range u.Devices {
		if statusOf[d] == "" {
			return fmt.Errorf("simulator: user %s: unknown device type %q: use one of %s", u.IDs[0], d,
				strings.Join(slices.Sorted(maps.Keys(statusOf)), ", "))
		}
	}
	return nil
}

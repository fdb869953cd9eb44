// Package simulator is a stand-in for PingOne MFA's device authentications: an
// http.Handler with users and their devices, latency, stalls, a rate limit and
// named faults. It is written from the documented contract alone and shares no
// code with what checks answers, so that each tests the other.
package simulator

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Config says how a simulator behaves.
type Config struct {
	// EnvID is the one environment that it knows. Required.
	EnvID string
	// CustomDomain makes it serve paths without the environment.
	CustomDomain bool
	// AccessToken is the bearer token that it takes; "" takes any.
	AccessToken string
	// Client is the application that the token endpoint takes; nil takes any.
	// Where it is set only tokens from there count, and AccessToken.
	Client *Client
	// TokenLifetime is how long they live; 0 is an hour.
	TokenLifetime time.Duration
	Users         []User
	Latency       Latency
	// Servers, where set, serve what is not refused; nil is no queue.
	Servers *Servers
	Stalls  []Stall
	// Limit answers 429 above a rate; nil means no limit.
	Limit  *Limit
	Faults []Fault
	// Seed makes latencies and faults repeatable.
	Seed uint64
}

// User is a user whom the simulator knows. Others are unknown (404).
type User struct {
	ID string
	// Devices are the types of the user's devices, for example EMAIL. The
	// status of answers follows from them, unless Status is set.
	Devices []string
	// Newer gives devices the members that newer ones have.
	Newer  bool
	Status string
	// HTTPStatus and Error, where set, make every answer to the user an error.
	HTTPStatus int
	Error      string
}

// Latency is the distribution of the time that an answer takes.
type Latency struct {
	// Kind is "constant", "normal", "lognormal" or "exponential"; "" means none.
	Kind string
	// A is the constant, the mean of the normal and of the exponential, or the
	// lognormal's median.
	A time.Duration
	// B is the normal's standard deviation or the lognormal's 99th percentile.
	B time.Duration
}

// Stall is a time in which no answer leaves: from Every to Every+For after the
// first request, from 2·Every to 2·Every+For, and so on.
type Stall struct{ Every, For time.Duration }

// Limit is a token bucket.
type Limit struct {
	// Rate is in requests a second.
	Rate  float64
	Burst int
	// RetryAfter is the value of the header, in whole seconds.
	RetryAfter time.Duration
}

// Fault bends a share of the answers that it can apply to.
type Fault struct {
	Name  string
	Share float64
}

// statuses are the documented values of an answer's status.
var statuses = []string{"OTP_REQUIRED", "DEVICE_SELECTION_REQUIRED", "COMPLETED", "PUSH_CONFIRMATION_REQUIRED",
	"PUSH_CONFIRMATION_TIMED_OUT", "ASSERTION_REQUIRED", "FAILED"}

func (c *Config) check() error {
	for _, u := range c.Users {
		if u.Status != "" && !slices.Contains(statuses, u.Status) {
			return fmt.Errorf("simulator: user %s: %q is no documented status: use one of %s", u.ID, u.Status, strings.Join(statuses, ", "))
		}
		for _, d := range u.Devices {
			if statusOf[d] == "" {
				return fmt.Errorf("simulator: user %s: unknown device type %q: use one of %s", u.ID, d, strings.Join(deviceTypes(), ", "))
			}
		}
	}
	if c.Servers != nil {
		if err := c.Servers.check(); err != nil {
			return err
		}
	}
	for _, f := range c.Faults {
		if _, known := faults[f.Name]; !known {
			return fmt.Errorf("simulator: unknown fault %q: use one of %s", f.Name, strings.Join(faultNames(), ", "))
		}
		if !(f.Share > 0 && f.Share <= 1) {
			return fmt.Errorf("simulator: fault %s: the share %v is not above 0 and at most 1", f.Name, f.Share)
		}
	}
	return nil
}

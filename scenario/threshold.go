package scenario

// Threshold is one limit that a run must keep to pass.
type Threshold struct {
	// Group is the name of the group that it judges; "" is the whole run.
	Group string `json:"group,omitempty"`
	// Metric is what it judges.
	Metric Metric `json:"metric"`
	// Stat is "min", "mean", "max" or a percentile such as "p99.9", for
	// Response and Service; "" else.
	Stat string `json:"stat,omitempty"`
	// Quantile is the percentile of Stat, above 0 and up to 100; 0 where Stat
	// is no percentile.
	Quantile float64 `json:"quantile,omitempty"`
	// Limit is in seconds for Response and Service and a share (0.01 is 1 %)
	// for the rates. It is a lower limit for AchievedRate, an upper one else.
	Limit float64 `json:"limit"`
	// Written is the limit as the file has it, for example "300ms" or "0.1%".
	Written string `json:"written"`
}

// Metric is a quantity that a threshold judges.
type Metric string

const (
	// Response is the response time: last byte − intended time.
	Response Metric = "response"
	// Service is the service time: last byte − actual send.
	Service Metric = "service"
	// ErrorRate is the share of the scheduled requests with no answer, or with
	// an answer other than expected.
	ErrorRate Metric = "errorRate"
	// ViolationRate is the share of the answers that break the contract.
	ViolationRate Metric = "violationRate"
	// RateLimitedRate is the share of the answers that are 429, expected or not.
	RateLimitedRate Metric = "rateLimitedRate"
	// ConnectionFailures is the number of requests in a row that found no
	// connection, or lost it. It ends runs only.
	ConnectionFailures Metric = "connectionFailures"
	// AchievedRate is the achieved arrival rate as a share of the planned one.
	AchievedRate Metric = "achievedRate"
)

// String returns the threshold as reports show it, for example
// "response p95 <= 300ms" or "email-otp: errorRate <= 0.1%".
func (t Threshold) String() string {
	s := string(t.Metric)
	if t.Stat != "" {
		s += " " + t.Stat
	}
	op := " <= "
	if t.Metric == AchievedRate {
		op = " >= "
	}
	s += op + t.Written
	if t.Group != "" {
		s = t.Group + ": " + s
	}
	return s
}

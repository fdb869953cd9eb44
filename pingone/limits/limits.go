// Package limits has the limits that the service's documentation names, as data.
package limits

import (
	"bytes"
	_ "embed" // limits.yaml
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"gopkg.in/yaml.v3"
)

//go:embed limits.yaml
var document []byte

// The limits with a meaning of their own; all others count messages within a window.
const (
	RateLicense = "rate.license"
	RateAlert   = "rate.alert"
	RateAddress = "rate.address"
	Cooldown    = "messages.cooldown"
	Push        = "push.unanswered"
	Passcodes   = "passcodes.wrong"
)

// Whom a limit is for.
const (
	License     = "license"
	Address     = "address"
	Environment = "environment"
	User        = "user"
)

// ServiceLimit is one documented limit.
type ServiceLimit struct {
	// Name is a family and a word, such as sms.user.
	Name string `yaml:"name"`
	// Value is 0 where a policy of the environment sets it; Min and Max are what may be set.
	Value uint64 `yaml:"value"`
	Min   uint64 `yaml:"min"`
	Max   uint64 `yaml:"max"`
	// Unit is what Value counts.
	Unit  string `yaml:"unit"`
	Scope string `yaml:"scope"`
	// Window is the time in which Value counts: [Day], [Row], a duration, or empty for a rate.
	Window string `yaml:"window"`
	// Messages are the kinds that it counts; none for a rate.
	Messages []string `yaml:"messages"`
	// Trial says that it is for trial licenses only, Blocks that a user who passes it is shut out for a time.
	Trial  bool `yaml:"trial"`
	Blocks bool `yaml:"blocks"`
	// Meaning says what passing it does. Mark and Source say how that is known.
	Meaning string `yaml:"meaning"`
	Mark    string `yaml:"mark"`
	Source  string `yaml:"source"`
}

// Windows that are no duration.
const (
	// Day is from midnight UTC to midnight UTC.
	Day = "day"
	// Row is whenever it is, as long as one follows another.
	Row = "row"
)

// runMax is longer than any run.
const runMax = 31 * 24 * time.Hour

// Settable says whether the environment has a policy that sets the value.
func (l *ServiceLimit) Settable() bool { return l.Max > 0 }

// Length is the window's; 0 where there is none.
func (l *ServiceLimit) Length() time.Duration {
	switch l.Window {
	case Day:
		return 24 * time.Hour
	case Row:
		return runMax
	}
	d, _ := time.ParseDuration(l.Window) // checked by Parse
	return d
}

var all = func() []ServiceLimit {
	l, err := Parse(document)
	if err != nil {
		panic("limits: " + err.Error())
	}
	return l
}()

// All are the documented limits. Nobody changes them.
func All() []ServiceLimit { return all }

// Get returns the limit of a name; nil for none.
func Get(name string) *ServiceLimit {
	i := slices.IndexFunc(all, func(l ServiceLimit) bool { return l.Name == name })
	if i < 0 {
		return nil
	}
	return &all[i]
}

// Parse reads a document of limits, strictly.
func Parse(data []byte) (parsed []ServiceLimit, err error) {
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(&parsed); err != nil {
		return nil, fmt.Errorf("read the limits: %w", err)
	}
	if err := d.Decode(new(any)); !errors.Is(err, io.EOF) {
		return nil, errors.New("read the limits: there is a second document: remove it")
	}
	names := map[string]bool{}
	for i := range parsed {
		l := &parsed[i]
		if err := l.check(); err != nil {
			return nil, fmt.Errorf("read the limits: %q %w", l.Name, err)
		}
		if names[l.Name] {
			return nil, fmt.Errorf("read the limits: %q is a duplicate: remove one", l.Name)
		}
		names[l.Name] = true
	}
	return parsed, nil
}

func (l *ServiceLimit) check() error {
	counts := len(l.Messages) > 0
	length, err := time.ParseDuration(l.Window)
	switch {
	case l.Name == "" || l.Unit == "" || l.Meaning == "" || l.Mark == "" || l.Source == "":
		return errors.New("lacks a name, unit, meaning, mark or source: add it")
	case !slices.Contains([]string{License, Address, Environment, User}, l.Scope):
		return fmt.Errorf("has the scope %q: write license, address, environment or user", l.Scope)
	case l.Value == 0 && !l.Settable():
		return errors.New("has no value: add it, or min and max of a policy")
	case l.Min > l.Max:
		return errors.New("has a min above its max: swap them")
	case slices.ContainsFunc(l.Messages, func(m string) bool {
		return !slices.Contains(Messages, m) && m != WrongPasscode
	}):
		return fmt.Errorf("counts %v: write kinds of messages out of %v", l.Messages, Messages)
	case counts != (l.Scope == User || l.Scope == Environment):
		return errors.New("counts messages of a rate, or none of users: change its scope")
	case l.Window != "" && l.Window != Day && l.Window != Row && (err != nil || length <= 0):
		return fmt.Errorf("has the window %q: write day, or a duration such as 10m", l.Window)
	case counts && l.Window == "" && l.Name != Cooldown:
		return errors.New("has no window: add day, or a duration such as 10m")
	}
	return nil
}

// WrongPasscode is what a user sends who mistypes one.
const WrongPasscode = "wrong passcode"

// Messages are the kinds of messages that an initialization can send.
var Messages = []string{"e-mail", "SMS", "voice", "push"}

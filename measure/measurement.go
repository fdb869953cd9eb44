package measure

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Schema names the format of a measurement file.
const Schema = "mfaload/measurement/v1"

// Measurement is everything that a run measured. Measurements of the same
// scenario merge exactly. It is written as JSON.
type Measurement struct {
	Schema   string    `json:"schema"`
	Scenario string    `json:"scenario"`
	Hash     string    `json:"scenario_hash"`
	Version  string    `json:"version"`
	Started  time.Time `json:"started"`
	// Labels are what the run was given to be found by; see [RunLabels.Check].
	Labels RunLabels `json:"labels,omitempty"`
	// Groups are the names of the groups, in the scenario's order.
	Groups []string `json:"groups"`
	// Users say of each group whom it could ask and whose turn it was, over the
	// whole run. Empty in measurements of versions without it.
	Users []GroupUsers `json:"users,omitempty"`
	// NoUsers counts the arrivals of the schedule after the run ended because
	// no group had users left. They are in no other figure.
	NoUsers uint64 `json:"no_users,omitempty"`
	// GoodWithin is by group the response time up to which a response that is as expected
	// is good; 0 for any. Empty in measurements of versions that do not count good ones.
	GoodWithin []time.Duration `json:"good_within_ns,omitempty"`
	// NotStarted says why the run did not start: nothing was sent.
	NotStarted string `json:"not_started,omitempty"`
	// Interrupted says that the run was stopped before the end of its schedule.
	Interrupted bool `json:"interrupted,omitempty"`
	// Rebuilt is set where it was made of the journal of a run that was interrupted.
	Rebuilt *Rebuilt `json:"rebuilt,omitempty"`
	// Stopped says why the scenario itself ended the run before the end of its
	// schedule; nil where it did not.
	Stopped *Stop `json:"stopped,omitempty"`
	// Pauses are the times in which nothing was sent because a response was 429,
	// in order. Those of several machines may overlap.
	Pauses []Pause `json:"pauses,omitempty"`

	// Alternating says that its seconds alternated with those of another run against another target: of each
	// pair of seconds, counted from the judged part on, one was this run's, by a draw.
	Alternating bool `json:"alternating,omitempty"`

	// Main is the judged part of the run, Warmup what came before it.
	Main   Phase `json:"main"`
	Warmup Phase `json:"warmup"`
	// WarmupParts are the warm-up once more, in parts of equal length, in order, where it is still to
	// be found when it ends: see [Measurement.SettleWarmup]. Connections are in none of them.
	WarmupParts []*Phase `json:"warmup_parts,omitempty"`
	// FoundWarmup says how its end was found; nil for a warm-up of a fixed length.
	FoundWarmup *FoundWarmup `json:"found_warmup,omitempty"`
	// Profile is the load that was planned.
	Profile LoadProfile `json:"profile"`
	// Flow is what was sent and what ended by second. Empty in measurements of
	// versions without it.
	Flow Flow `json:"flow,omitzero"`
	// Seconds are the run second by second of intended time, the warm-up
	// included, in order; seconds without a request are left out.
	Seconds Seconds `json:"seconds"`
	// SecondsLost says why there are none although requests were sent.
	SecondsLost string `json:"seconds_lost,omitempty"`
	// Violations are grouped by rule, place and level, the warm-up's included.
	Violations []*ViolationGroup `json:"violations"`
	// UngroupedViolations counts the violations beyond the bounded number of
	// groups. They fail a run like the others.
	UngroupedViolations uint64 `json:"ungrouped_violations,omitempty"`

	// Coverage says for every rule of the contract how many responses it was
	// checked against, the warm-up's included.
	Coverage []RuleCount `json:"coverage"`

	// Shapes say what samples of the responses looked like.
	Shapes Shapes `json:"shapes,omitempty"`
	// Parts identifies what two runs have to have in common to be compared: the
	// hashes of the parts of the scenario and of the contract, by name.
	Parts map[string]string `json:"parts,omitempty"`
	// Terms are what the measurement is judged by. Only package report knows what
	// is in them. Required to judge it.
	Terms json.RawMessage `json:"terms,omitempty"`

	// Shard is set where it is of one of several machines, Merged where it was
	// merged from several; both are nil where one machine ran it all.
	Shard  *Shard  `json:"shard,omitempty"`
	Merged *Merged `json:"merged,omitempty"`

	// Steps are what was measured of the steps that followed requests of the judged part: a measurement
	// whose groups are the steps, without seconds and all that is the same for both. Nil without such steps.
	Steps *Measurement `json:"steps,omitempty"`

	Generator Generator `json:"generator"`
}

// Rebuilt says that a measurement was made of a journal, because the run did not
// come to write it.
type Rebuilt struct {
	// Unread are the bytes behind the last whole frame.
	Unread int64 `json:"unread_bytes,omitempty"`
}

// RuleCount counts the responses that a rule was checked against.
type RuleCount struct {
	Rule      string `json:"rule"`
	Evaluated uint64 `json:"evaluated"`
}

// Phase is a part of a run.
type Phase struct {
	// Start and Planned are when it begins, since the start of the run, and
	// how long its schedule is (up to the interruption, where there was one).
	Start   time.Duration `json:"start_ns"`
	Planned time.Duration `json:"planned_ns"`
	// LastSent is when its last request was sent, since the start of the run.
	LastSent time.Duration `json:"last_sent_ns"`
	// Scheduled counts the arrivals that were due, by group.
	Scheduled []uint64 `json:"scheduled"`
	// Withheld counts those of them that were not to be sent, because of a pause
	// after a 429 or because there was no user to ask, sorted.
	Withheld []Withheld `json:"withheld,omitempty"`
	// InFlight counts, by group, the arrivals of a run whose results were rebuilt
	// that had been sent, or were being sent, when the journal ends. What became of
	// them is not known: they count as unsent.
	InFlight []uint64 `json:"in_flight,omitempty"`
	// Own is the part of the lateness that mfaload caused itself.
	Own *Histogram `json:"own_lateness"`
	// Cells hold the requests that were sent, by group and label.
	Cells []*Cell `json:"cells"`
	// Connections are those that were opened in it.
	Connections Connections `json:"connections"`
	// Breakdown is where the times of its requests went; nil where that is not known.
	Breakdown *Breakdown `json:"breakdown,omitempty"`
}

// newPhase returns one in which nothing was sent.
func newPhase(groups int) Phase {
	return Phase{Scheduled: make([]uint64, groups), Own: NewSparse(), Connections: newConnections()}
}

// Cell counts the sent requests of one group that ended alike.
type Cell struct {
	Group  int    `json:"group"`
	Label  string `json:"label"`
	Failed bool   `json:"failed,omitempty"`
	// Refused says that the service turned the requests away: see
	// [Observation.Refused].
	Refused bool `json:"refused,omitempty"`

	AsExpected uint64 `json:"as_expected"`
	// Violating counts the responses with at least one failing violation.
	Violating uint64 `json:"violating"`
	// Clean counts the responses as expected that have no failing violation.
	Clean uint64 `json:"clean"`
	// RateLimited counts the responses that are 429, expected or not.
	RateLimited uint64 `json:"rate_limited,omitempty"`
	GoodCount

	Response *Histogram `json:"response"`
	Service  *Histogram `json:"service"`
	Lateness *Histogram `json:"lateness"`
	// Harmed are those of the requests that mfaload itself harmed; nil for none.
	Harmed *Harmed `json:"harmed,omitempty"`
}

// ViolationGroup counts the violations of one rule at one place.
type ViolationGroup struct {
	Rule     string `json:"rule"`
	Pointer  string `json:"pointer"`
	Fails    bool   `json:"fails"`
	Count    uint64 `json:"count"`
	InWarmup uint64 `json:"in_warmup,omitempty"`
	// InParts are those of the warm-up by its part and by group of users, up to the last part that has
	// one; see [Measurement.WarmupParts].
	InParts [][]uint64 `json:"in_warmup_parts,omitempty"`
	// ByGroup counts those that are not of the warm-up by group of users, up to the last
	// group that has one; empty in measurements of versions without it.
	ByGroup []uint64 `json:"by_group,omitempty"`
	// Explained counts those of them that were looked into one by one; the
	// others are wrong in exactly the same facts.
	Explained uint64 `json:"explained"`
	// Instances are the first ones seen, at least one.
	Instances []Instance `json:"instances"`
}

// Sent returns how many requests of the phase were sent.
func (p *Phase) Sent() (n uint64) {
	for _, c := range p.Cells {
		n += c.Response.Count()
	}
	return n
}

// Sending is how long sending took: the planned time, or the time up to the last send
// where that is longer.
func (p *Phase) Sending() time.Duration { return max(p.Planned, p.LastSent-p.Start) }

func (p *Phase) cell(kind cellKind) *Cell {
	for _, c := range p.Cells {
		if c.kind() == kind {
			return c
		}
	}
	c := newCell(kind, NewSparse)
	p.Cells = append(p.Cells, c)
	return c
}

// cellKind is what the requests of a cell have in common.
type cellKind struct {
	group           int
	label           string
	failed, refused bool
}

func (c *Cell) kind() cellKind { return cellKind{c.Group, c.Label, c.Failed, c.Refused} }

func newCell(kind cellKind, histogram func() *Histogram) *Cell {
	return &Cell{Group: kind.group, Label: kind.label, Failed: kind.failed, Refused: kind.refused,
		Response: histogram(), Service: histogram(), Lateness: histogram()}
}

func (p *Phase) sort() {
	slices.SortFunc(p.Cells, func(a, b *Cell) int {
		return cmp.Or(a.Group-b.Group, cmp.Compare(a.Label, b.Label), boolOrder(a.Failed, b.Failed),
			boolOrder(a.Refused, b.Refused))
	})
}

func boolOrder(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	default:
		return 1
	}
}

// RunLabels say of a run what its scenario does not, such as commit=4f2a1c, so that it can be found
// again and told from others. They take no part in what is compared, merged or judged.
type RunLabels map[string]string

// What bounds labels: how many a run has, and the characters of a value.
const (
	MaxRunLabels  = 20
	maxLabelValue = 200
)

var labelKey = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{0,62}$`)

// Check finds labels that a run can't have.
func (l RunLabels) Check() error {
	if len(l) > MaxRunLabels {
		return fmt.Errorf("there are %d labels, and a run has at most %d: leave some out", len(l),
			MaxRunLabels)
	}
	for _, key := range slices.Sorted(maps.Keys(l)) {
		switch value := l[key]; {
		case !labelKey.MatchString(key):
			return fmt.Errorf("%.80q can't be the key of a label: start it with a letter, and use at most "+
				"63 letters, digits, '_', '.' and '-'", key)
		case utf8.RuneCountInString(value) > maxLabelValue:
			return fmt.Errorf("the value of the label %s has more than %d characters: shorten it", key,
				maxLabelValue)
		case !utf8.ValidString(value) || strings.ContainsFunc(value, unprintable):
			return fmt.Errorf("the value of the label %s has a character that can't be printed: remove it",
				key)
		}
	}
	return nil
}

func unprintable(c rune) bool { return !unicode.IsPrint(c) }

// List has a text key=value for each label, by key.
func (l RunLabels) List() (texts []string) {
	for _, key := range slices.Sorted(maps.Keys(l)) {
		texts = append(texts, key+"="+l[key])
	}
	return texts
}

// With are the labels and others, which win where both have a key.
func (l RunLabels) With(others RunLabels) RunLabels {
	all := maps.Clone(l)
	if all == nil {
		return maps.Clone(others)
	}
	maps.Copy(all, others)
	return all
}

// Shared are the labels that others have, too, with the same values.
func (l RunLabels) Shared(others RunLabels) RunLabels {
	var shared RunLabels
	for key, value := range l {
		if other, has := others[key]; has && other == value {
			shared = shared.With(RunLabels{key: value})
		}
	}
	return shared
}

// Hide are the labels with their values as hide leaves them, which takes secrets out of texts. A
// key with a secret in it becomes "hidden".
func (l RunLabels) Hide(hide func(string) string) RunLabels {
	var safe RunLabels
	for key, value := range l {
		if hide(key) != key {
			key = "hidden"
		}
		safe = safe.With(RunLabels{key: hide(value)})
	}
	return safe
}

// ParseRunLabels reads labels such as commit=4f2a1c. Errors quote no value: it may be a secret.
func ParseRunLabels(texts []string) (RunLabels, error) {
	labels := RunLabels{}
	for i, text := range texts {
		key, value, ok := strings.Cut(text, "=")
		if !ok {
			return nil, fmt.Errorf("number %d has no '=': write key=value, such as commit=4f2a1c", i+1)
		}
		if _, twice := labels[key]; twice {
			return nil, fmt.Errorf("%.80q is a duplicate; remove one of them", key)
		}
		labels[key] = value
	}
	return labels, labels.Check()
}

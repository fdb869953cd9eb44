package scenario

import (
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"mfaload/scenario/form"
)

const namePattern = `[A-Za-z0-9][A-Za-z0-9._-]*`

var nameText = form.Matching("a name",
	"of letters, digits, '.', '_' and '-' that starts with a letter or digit", namePattern, 100,
	"is not a name of letters, digits, '.', '_' and '-'")

// idPattern is the form of the platform's IDs. It is wider than that of RFC
// 4122: the documentation's own example of a policy's ID is none by that.
const idPattern = `[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}`

const exampleID = "788d4931-6936-43f2-82ff-178f5762298a"

var idText = form.Matching("an ID", "such as "+exampleID, idPattern, 36,
	"is not an ID: 36 characters, 8-4-4-4-12 hexadecimal digits")

var seed = form.Whole[uint64](0, math.MaxUint64)

// MaxRate is the highest rate that a scenario may ask for, per second.
const MaxRate = 1_000_000

// maxDigits is how many digits a number may have. It is what a float64 keeps,
// so that a rate is printed as it was written.
const maxDigits = 15

// Patterns of numbers with units, for the schema.
const (
	numberPattern   = `[0-9]+(?:\.[0-9]+)?`
	ratePattern     = numberPattern + `/(?:s|min|h)`
	durationPattern = `(?:` + numberPattern + `(?:ns|us|µs|μs|ms|s|m|h|d))+`
	sharePattern    = numberPattern + ` ?%|0+(?:\.0+)?`
)

var (
	leading  = regexp.MustCompile(`^` + numberPattern)
	exponent = regexp.MustCompile(`^[eE][-+]?[0-9]`)
)

// ParseRate reads a number of requests a second, a minute or an hour, such as
// 50/s, 90/min or 0.5/h, from 0 to [MaxRate] a second.
func ParseRate(text string) (Rate, error) {
	r, f := parseRate(text)
	return r, f.Of(text)
}

// ParseDuration reads a duration such as 1.5s, 1h30m or 2d. Units are ns, us
// (or µs), ms, s, m, h and d, a day being 24 hours.
func ParseDuration(text string) (time.Duration, error) {
	d, f := parseDuration(text)
	return d, f.Of(text)
}

// ParseShare reads a percentage such as 0.1%, from 0% to 100%, as a share. Only
// 0 needs no %: whether 1 means 1% or 100% is not for mfaload to guess.
func ParseShare(text string) (float64, error) { return ParseShareUpTo(text, 1) }

// ParseShareUpTo is [ParseShare] for shares up to a max, which is 10 for 1000%.
func ParseShareUpTo(text string, most int64) (float64, error) {
	s, f := parseShareUpTo(text, most)
	return s, f.Of(text)
}

// leadingNumber reads the exact number that a text starts with.
func leadingNumber(text, noun, remedy string) (number *big.Rat, rest string, f *form.Flaw) {
	digits := leading.FindString(text)
	rest = text[len(digits):]
	switch {
	case digits == "" && len(text) > 1 && text[0] == '-' && leading.MatchString(text[1:]):
		return nil, "", form.NewFlaw("is negative", remedy)
	case digits == "":
		return nil, "", form.NewFlaw("is not "+noun, remedy)
	case len(digits) > maxDigits+1 || len(strings.Replace(digits, ".", "", 1)) > maxDigits:
		return nil, "", form.NewFlaw(fmt.Sprintf("has more than %d digits", maxDigits), "write fewer digits")
	case exponent.MatchString(rest):
		return nil, "", form.NewFlaw("has an exponent", "write the number without an exponent")
	}
	number, _ = new(big.Rat).SetString(digits)
	return number, rest, nil
}

var rateUnits = map[string]int64{"/s": 1, "/min": 60, "/h": 3600}

func parseRate(text string) (Rate, *form.Flaw) {
	number, unit, f := leadingNumber(text, "a rate", "write a number and a unit, for example 50/s")
	if f != nil {
		return 0, f
	}
	if unit == "" {
		return 0, form.NewFlaw("has no unit", "write "+text+"/s")
	}
	seconds, known := rateUnits[unit]
	if !known {
		return 0, form.NewFlaw("has an unknown unit", "use /s, /min or /h, for example 50/s")
	}
	number.Quo(number, big.NewRat(seconds, 1))
	if number.Cmp(big.NewRat(MaxRate, 1)) > 0 {
		return 0, form.NewFlaw(fmt.Sprintf("is above %d/s", MaxRate),
			"write a lower rate, or spread the load over several machines")
	}
	rate, _ := number.Float64()
	return Rate(rate), nil
}

// String returns the rate in the unit in which it is shortest, for example
// "50/s" or "1/h". [ParseRate] reads it as the same rate.
func (r Rate) String() string {
	best := ""
	for _, unit := range []string{"/s", "/min", "/h"} {
		rounded, _ := strconv.ParseFloat(strconv.FormatFloat(float64(r)*float64(rateUnits[unit]), 'g',
			maxDigits, 64), 64)
		text := strconv.FormatFloat(rounded, 'f', -1, 64) + unit
		if same, f := parseRate(text); f == nil && same == r && (best == "" || len(text) < len(best)-2) {
			best = text
		}
	}
	if best == "" { // of a rate that was computed
		return strconv.FormatFloat(float64(r), 'g', 6, 64) + "/s"
	}
	return best
}

var durationUnits = map[string]time.Duration{
	"ns": time.Nanosecond, "us": time.Microsecond, "µs": time.Microsecond, "μs": time.Microsecond,
	"ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour,
}

var unit = regexp.MustCompile(`^[^0-9.]*`)

func parseDuration(text string) (time.Duration, *form.Flaw) {
	const remedy = "write a number and a unit, for example 10s"
	sum := new(big.Rat)
	for rest := text; rest != "" || text == ""; {
		number, after, f := leadingNumber(rest, "a duration", remedy)
		switch name := unit.FindString(after); {
		case f != nil:
			return 0, f
		case name == "" && after == "" && rest == text:
			return 0, form.NewFlaw("has no unit", "write "+text+"s, or "+text+"ms")
		case name == "":
			return 0, form.NewFlaw("has a number without a unit", remedy)
		case durationUnits[name] == 0:
			return 0, form.NewFlaw("has an unknown unit", "use ns, us, ms, s, m, h or d, for example 10s")
		default:
			sum.Add(sum, number.Mul(number, big.NewRat(int64(durationUnits[name]), 1)))
			rest = after[len(name):]
		}
	}
	switch {
	case !sum.IsInt():
		return 0, form.NewFlaw("is finer than a nanosecond", remedy)
	case !sum.Num().IsInt64():
		return 0, form.NewFlaw("is too long", "write at most 30d")
	}
	return time.Duration(sum.Num().Int64()), nil
}

func parseShare(text string) (float64, *form.Flaw) { return parseShareUpTo(text, 1) }

func parseShareUpTo(text string, most int64) (float64, *form.Flaw) {
	const remedy = "write a percentage, for example 0.1%"
	number, unit, f := leadingNumber(text, "a share", remedy)
	if f != nil {
		return 0, f
	}
	limit, hundred := big.NewRat(100*most, 1), big.NewRat(100, 1)
	digits := text[:len(text)-len(unit)]
	switch {
	case unit == "" && number.Sign() == 0:
		return 0, nil
	case number.Cmp(limit) > 0:
		return 0, form.NewFlaw(fmt.Sprintf("is above %d%%", 100*most),
			fmt.Sprintf("write at most %d%%", 100*most))
	case unit == "":
		return 0, form.NewFlaw("has no %", "write "+readings(digits, number, limit))
	case strings.TrimPrefix(unit, " ") != "%":
		return 0, form.NewFlaw("has an unknown unit", remedy)
	}
	share, _ := number.Quo(number, hundred).Float64()
	return share, nil
}

// readings are what a number without % may mean: as many percent, or as large a
// share where that is within the limit.
func readings(digits string, number, limit *big.Rat) string {
	percent := digits + "%"
	share := new(big.Rat).Mul(number, big.NewRat(100, 1))
	if share.Cmp(limit) > 0 {
		return percent
	}
	text := share.FloatString(maxDigits)
	return percent + " or " + strings.TrimRight(strings.TrimRight(text, "0"), ".") + "%"
}

func rate(above bool) form.Form[Rate] {
	return form.UnitText("a rate", "such as 50/s", form.Reference("rate"),
		func(text string) (Rate, *form.Flaw) {
			r, f := parseRate(text)
			if f == nil && above && r == 0 {
				f = &form.Flaw{Reason: "is zero"}
			}
			return r, f
		})
}

// Limits of durations.
const (
	maxRun  = 30 * 24 * time.Hour // a whole run
	maxWait = time.Hour           // one request; latencies are measured up to it
)

func duration(above bool, most time.Duration) form.Form[time.Duration] {
	return form.UnitText("a duration", "such as 10s", form.Reference("duration"),
		func(text string) (time.Duration, *form.Flaw) {
			d, f := parseDurationUpTo(text, most)
			if f == nil && d == 0 && above {
				f = &form.Flaw{Reason: "is zero"}
			}
			return d, f
		})
}

func parseDurationUpTo(text string, most time.Duration) (time.Duration, *form.Flaw) {
	d, f := parseDuration(text)
	if f == nil && d > most {
		return 0, form.NewFlaw("is above "+days(most), "write at most "+days(most))
	}
	return d, f
}

func days(d time.Duration) string {
	switch day := 24 * time.Hour; {
	case d%day == 0:
		return fmt.Sprintf("%dd", d/day)
	case d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return fmt.Sprintf("%dm", d/time.Minute)
}

const shareDetail = "such as 0.1%"

var anyShare = form.UnitText("a percentage", shareDetail, form.Reference("share"), parseShare)

var shareAboveZero = form.UnitText("a percentage", shareDetail, form.Reference("share"),
	func(text string) (float64, *form.Flaw) {
		s, f := parseShare(text)
		if f == nil && s == 0 {
			f = &form.Flaw{Reason: "is zero"}
		}
		return s, f
	})

// Secret is a text that no log, report or error may show. Every way of
// printing it gives "***"; only Reveal gives the text.
type Secret struct {
	// A pointer, for package fmt prints what it finds in unexported fields
	// without asking their methods.
	text *string
}

// NewSecret hides text.
func NewSecret(text string) Secret { return Secret{&text} }

// Reveal returns the hidden text, for the one place that sends it.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsZero says whether there is no text.
func (s Secret) IsZero() bool { return s.Reveal() == "" }

func (s Secret) String() string               { return "***" }
func (s Secret) MarshalText() ([]byte, error) { return []byte("***"), nil }
func (s Secret) LogValue() slog.Value         { return slog.StringValue("***") }

// Format covers every verb of package fmt, %x and %#v among them.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "***") }

var policy = &form.Policy{
	IsSecret: isSecret, IsLiteral: isLiteral, IsHidden: isHidden,
	IsPersonal: func(n *form.Node) bool {
		return n.Key == "phone" || n.Key == "contact" || n.Parent != nil && n.Parent.Key == "ids"
	},
	IsCut: func(n *form.Node) bool { return n.Key == "ids" },
	Split: "split the users over several scenarios",
	Empty: "write a scenario: 'mfaload schema' describes the keys",
}

var secretKeys = map[string]bool{"proxy": true, "accessToken": true, "clientSecret": true,
	"clientCredentials": true}

func isSecret(n *form.Node) bool {
	return secretKeys[n.Key] || n.Parent != nil && n.Parent.Key == "headers" ||
		n.Key == "authPath" && strings.ContainsAny(n.Text, "@?#") // where URLs hold passwords
}

var openKeys = map[string]bool{"clientID": true, "authMethod": true}

// nothingWritten is a text that variables without defaults make up, and
// proxyLogin what a proxy's URL has before its host where it comes from them.
var (
	nothingWritten = regexp.MustCompile(`^(\$\{[A-Za-z_][A-Za-z0-9_]*(:-)?\})*$`)
	proxyLogin     = regexp.MustCompile(
		`^[a-z0-9]+://\$\{[A-Za-z_][A-Za-z0-9_]*\}(:\$\{[A-Za-z_][A-Za-z0-9_]*\})?@[^@]*$`)
)

func isLiteral(n *form.Node) bool {
	return !openKeys[n.Key] && !nothingWritten.MatchString(n.Text) &&
		(n.Key != "proxy" || strings.Contains(n.Text, "@") && !proxyLogin.MatchString(n.Text))
}

// shownMembers are the members of a request whose values name no person. All
// other values of a request are hidden in the scenario's text.
var shownMembers = []string{"id", "type", "testMode", "name", "variant", "locale"}

var freeMembers = []string{"undocumented", "clientContext", "variables"}

// isHidden says that a value is a secret, or may be personal.
func isHidden(n *form.Node) bool {
	if n.Key == "authMethod" {
		return false // one of two words
	}
	free := !slices.Contains(shownMembers, n.Key)
	for p := n; p != nil; p = p.Parent {
		free = free || slices.Contains(freeMembers, p.Key)
		if p.IsSecret() || free && p.Key == "request" {
			return true
		}
	}
	return false
}

package simulator

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// FaultInfo describes a fault.
type FaultInfo struct{ Name, Description string }

// Faults returns all faults, sorted by name.
func Faults() (all []FaultInfo) {
	for _, name := range faultNames() {
		all = append(all, FaultInfo{name, faults[name].does})
	}
	return all
}

func faultNames() []string { return slices.Sorted(maps.Keys(faults)) }

// defect bends one thing of a response. It applies where can says so.
type defect struct {
	does string
	can  func(*simulatedResponse) bool
	bend func(*Environment, *simulatedResponse)
}

// bend applies the first fault that chance picks for this response: one response
// has one fault at most.
func (s *Environment) bend(a *simulatedResponse) {
	for _, f := range s.config.Faults {
		bender := faults[f.Name]
		if !bender.can(a) {
			continue
		}
		s.mu.Lock()
		picked := s.random.Float64() < f.Share
		s.mu.Unlock()
		if picked {
			bender.bend(s, a)
			break
		}
	}
	if len(s.config.Faults) > 0 && success(a) {
		s.mu.Lock()
		s.last.keep(a)
		s.mu.Unlock()
	}
}

// jsonResponse holds for responses with a body of the service.
func jsonResponse(a *simulatedResponse) bool { return success(a) || platform(a) }

func anyResponse(*simulatedResponse) bool { return true }
func success(a *simulatedResponse) bool   { return a.success() && !a.rawSet }
func platform(a *simulatedResponse) bool {
	return a.status >= 400 && !a.rawSet
}

// status restricts a fault to responses with one of the statuses.
func status(of ...string) func(*simulatedResponse) bool {
	return func(a *simulatedResponse) bool {
		return success(a) &&
			slices.Contains(of, strings.Trim(a.state, `"`))
	}
}

func hasUser(a *simulatedResponse) bool { return success(a) && a.user != "" }

func hasLinks(a *simulatedResponse) bool   { return success(a) && len(a.links) > 1 }
func hasDevices(a *simulatedResponse) bool { return success(a) && len(a.devices) > 0 }

func hasContact(a *simulatedResponse) bool {
	return hasDevices(a) &&
		(strings.Contains(a.devices[0], `"email"`) || strings.Contains(a.devices[0], `"phone"`))
}

func selectsID(a *simulatedResponse) bool {
	return success(a) && strings.HasPrefix(a.selected, `{"id"`)
}

func selectsOneTime(a *simulatedResponse) bool {
	return success(a) && strings.Contains(a.selected, `"oneTime"`)
}

// on bends the finished body.
func onBody(change func(string) string) func(*Environment, *simulatedResponse) {
	return func(_ *Environment, a *simulatedResponse) {
		a.raw, a.rawSet = []byte(change(string(a.body()))),
			true
	}
}

// otherID is an ID that differs from the given JSON text.
func otherID(id string) string {
	return strings.Replace(id, id[1:2],
		string("0123456789abcdef"[(strings.IndexByte("0123456789abcdef", lower(id[1]))+1)%16]), 1)
}

func lower(b byte) byte {
	if b >= 'A' && b <= 'F' {
		return b | 0x20
	}
	return b
}

// eachLink changes the URL of every link.
func eachLink(a *simulatedResponse, change func(string) string) {
	a.links = slices.Clone(a.links)
	for i := range a.links {
		a.links[i].href = change(a.links[i].href)
	}
}

// inDevice replaces a text in the first device.
func inDevice(old, changed string) func(*Environment, *simulatedResponse) {
	return func(_ *Environment, a *simulatedResponse) {
		a.devices = append([]string{strings.Replace(a.devices[0], old, changed, 1)}, a.devices[1:]...)
	}
}

// selectAnother selects a device that is listed but was not asked for.
func selectAnother(a *simulatedResponse) {
	for _, d := range a.devices {
		if id, _, _ := strings.Cut(d, ","); id+"}" != a.selected {
			a.selected = id + "}"
			return
		}
	}
}

// unmask replaces the masked part of an address or a number.
func unmask(s string) string {
	return strings.NewReplacer("****@", "ohn@", "+1********50", "+14135550150").Replace(s)
}

// repeatID gives a response the ID of the one before, in its links too.
func (s *Environment) repeatID(a *simulatedResponse) {
	s.mu.Lock()
	before := s.last.id
	s.last.repeats++
	spaces := s.last.repeats
	s.mu.Unlock()
	if before == "" {
		return
	}
	id := strings.Trim(a.id, `"`)
	eachLink(a, func(href string) string { return strings.Replace(href, id, strings.Trim(before, `"`), 1) })
	a.id = before
	// White space tells it from a body that came before.
	a.raw, a.rawSet = append(a.body(), strings.Repeat(" ", spaces%100)...), true
}

// shift moves a response's times an hour back.
func shift(a *simulatedResponse) {
	earlier := stamp(time.Now().Add(-time.Hour))
	a.createdAt, a.updatedAt = earlier, earlier
}

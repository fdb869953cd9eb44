package main

import (
	"fmt"

	"mfaload/scenario"
	"mfaload/scenario/form"
)

// maxSimulated is how many users of files the simulator takes: it keeps
// every user with his devices in memory, some 700 bytes each.
const maxSimulated = 200_000

// readUsers reads the files of users that the scenario names.
func (a *app) readUsers(s *scenario.Scenario) error {
	if err := s.ReadUsers(a.env.in); err != nil {
		return err
	}
	if s.Target.Simulator == nil {
		return nil
	}
	for _, g := range s.Groups {
		if g.Users != nil && g.Size() > maxSimulated {
			return form.Problems{{Pos: g.File.Pos, Text: fmt.Sprintf("group %q has %d users, and the simulator keeps at most %d of a file", g.Name, g.Size(), maxSimulated),
				Remedy: "use fewer users with the simulator, or another target"}}
		}
	}
	return nil
}

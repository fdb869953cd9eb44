package scenario

import (
	"fmt"
	"strings"

	"mfaload/scenario/form"
)

// Changes are what a command line changes of a scenario. What is empty changes nothing.
type Changes struct {
	// Set has values of keys.
	Set []form.Setting
	// Groups are the names of the groups that stay.
	Groups []string
	// Rate and Duration are those of a load of one stage, and RateFactor is a share of all its rates.
	Rate, Duration, RateFactor string
}

// apply changes the file's values before they are read, and returns a text of each change for people.
func (c *Changes) apply(d *form.Decoder, root *form.Node) (texts []string) {
	all := append([]form.Setting(nil), c.Set...)
	if c.Rate != "" {
		all = append(all, c.ofOneStage(d, root, "rate", c.Rate, "")...)
	}
	if c.Duration != "" {
		all = append(all, c.ofOneStage(d, root, "duration", c.Duration, "load.duration")...)
	}
	if c.RateFactor != "" {
		all = append(all, form.Setting{Path: "load.rateFactor", Value: c.RateFactor})
	}
	texts = d.Change(root, all)
	if groups := root.Get("users"); groups != nil && len(c.Groups) > 0 {
		unknown, names := groups.Keep("name", c.Groups)
		for _, name := range unknown {
			remedy, _ := form.Suggestion(name, names)
			d.Fail(groups, fmt.Sprintf("--group %s: there is no group of that name", form.Clip(name)), remedy)
		}
		texts = append(texts, "groups="+strings.Join(c.Groups, "+"))
	}
	return texts
}

// ofOneStage changes a key of the only stage, or of the closed model if it has that.
func (c *Changes) ofOneStage(d *form.Decoder, root *form.Node, key, value, closed string) []form.Setting {
	load := root.Get("load")
	stages := load.Get("stages").All()
	switch {
	case closed != "" && load.Get("concurrency") != nil:
		return []form.Setting{{Path: closed, Value: value}}
	case len(stages) == 1 && stages[0].Get("rate") != nil:
		return []form.Setting{{Path: "load.stages[0]." + key, Value: value}}
	case load != nil:
		d.Fail(load, fmt.Sprintf("--%s is for a load of one stage with a rate", key),
			"use --rate-factor 50%, or --set load.stages[0]."+key+"=VALUE")
	}
	return nil
}

package contract

import (
	"regexp"
	"slices"

	"gopkg.in/yaml.v3"
)

// faultClass is a class of the Web Fuzzing Commons, from F900 one of the document's own.
var faultClass = regexp.MustCompile(`^F[0-9]{3}$`)

// requestRules reads x-request-rules. This package gives them a name, a level and a source; what
// they demand is known to whoever makes the requests.
func (k *compiler) requestRules(n *yaml.Node) {
	for _, item := range k.ruleItems(n, "x-request-rules") {
		ru := k.ruleHead(item)
		if v := k.member(item, "fault"); v != nil {
			if ru.Fault = k.text(v, "fault"); !faultClass.MatchString(ru.Fault) {
				k.fail(v, "%q is no class of faults: write one such as F100", clip(ru.Fault))
			}
		}
		k.onlyMembers(item, ru.Name, append(slices.Clone(ruleHeadMembers), "fault"))
		if k.isNewName(item, ru.Name) {
			k.contract.requestRules = append(k.contract.requestRules, ru)
			k.otherNames[ru.Name] = true
		}
	}
}

// ruleItems are the mappings of a list of rules; none where there is no list.
func (k *compiler) ruleItems(n *yaml.Node, list string) (items []*yaml.Node) {
	if n == nil {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		k.fail(n, "%s must be a list of rules: write [{rule: family.name, level: fail, …}]", list)
		return nil
	}
	for _, item := range n.Content {
		if item.Kind == yaml.MappingNode {
			items = append(items, item)
			continue
		}
		k.fail(item, "a rule must be a mapping: write {rule: …, level: …}")
	}
	return items
}

var ruleHeadMembers = []string{"rule", "level", "description", "source", "example"}

func (k *compiler) onlyMembers(n *yaml.Node, rule string, names []string) {
	for key := range entries(n) {
		if !slices.Contains(names, key.Value) {
			k.fail(key, "unknown word %q in the rule %s: %s", clip(key.Value), rule,
				suggestion(key.Value, names))
		}
	}
}

// RequestRules returns the rules about how requests that were made on purpose are taken, in the
// document's order. A check of one response evaluates none of them.
func (c *Contract) RequestRules() []Rule {
	list := make([]Rule, len(c.requestRules))
	for i, ru := range c.requestRules {
		list[i] = *ru
	}
	return list
}

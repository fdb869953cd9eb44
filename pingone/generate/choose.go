package generate

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
)

// candidate is a case with the goals that sending it reaches.
type candidate struct {
	Case
	goals []goal
}

// goal is something that one request is to try. Those of a lower rank come first.
type goal struct {
	rank int
	what string
}

// Ranks of goals.
const (
	// ofTokens are what a token must not do.
	ofTokens = iota
	// ofKeyword is a keyword of a place.
	ofKeyword
	// ofPlace is a variant that tells something at each place: a boundary of what the keyword
	// demands, or what only one place has.
	ofPlace
	// ofAny is a variant that tells the same wherever it is.
	ofAny
	ranks
)

// needed is how many goals of the ranks that each place has a case reaches.
func (c *candidate) needed() (n int) {
	for _, g := range c.goals {
		if g.rank < ofAny {
			n++
		}
	}
	return n
}

// goals are the one to try the case's variant: with rank ofPlace at its place, with ofAny at any. There
// is none with ranks: such a case is one more of its keyword.
func (c *Case) goals(rank int) []goal {
	switch rank {
	case ranks:
		return nil
	case ofAny:
		return []goal{{rank, c.Keyword + " " + c.Variant}}
	}
	return []goal{{rank, c.Place + " " + c.Keyword + " " + c.Variant}}
}

// add adds a case that reaches goals next to that of its keyword, with what follows from its rule.
// Where an earlier case sends the same, that one reaches them.
func (g *generator) add(c Case, goals ...goal) {
	if c.Expect == Refused {
		c.Rule = cmp.Or(c.Rule, ruleRefused)
	} else {
		c.Rule = ""
	}
	if c.Keyword != keywordUnique && c.Keyword != keywordNesting { // those say more about a parser
		goals = append(goals, goal{ofKeyword, c.Place + " " + c.Keyword})
	}
	shape := c.shape()
	if i, known := g.shapes[shape]; known && c.Pair == "" {
		g.cases[i].goals = append(g.cases[i].goals, goals...)
		return
	}
	g.shapes[shape] = len(g.cases)
	c.Personal = g.personal(c.Request.Body)
	g.cases = append(g.cases, candidate{c, goals})
}

// shape is what is sent and expected, whoever is the user.
func (c *Case) shape() string {
	r := &c.Request
	body := r.Body
	if c.User != "" {
		body = bytes.ReplaceAll(body, []byte(c.User), []byte("{user}"))
	}
	return fmt.Sprintf("%s %s %q %q %s %s %s", r.Method, r.Path, r.Headers, r.Authorization, r.Identity,
		c.Expect, body)
}

// chooser takes cases.
type chooser struct {
	*generator
	left    int
	taken   []bool
	reached map[goal]bool
	back    map[string]bool
}

// chosen takes cases up to the bound: rank by rank those that reach a goal which no case before
// reached, and then the second variants of all keywords, the third ones and so on. Which ones of
// as many goals are first is by chance. The cases keep their order.
func (g *generator) chosen() (cases []Case) {
	order := g.random.Perm(len(g.cases))
	slices.SortStableFunc(order, func(a, b int) int { return g.cases[b].needed() - g.cases[a].needed() })
	c := &chooser{g, g.Max, make([]bool, len(g.cases)), map[goal]bool{}, map[string]bool{}}
	for rank := range ranks {
		for _, i := range order {
			if c.isNew(i, rank) {
				c.take(i)
			}
		}
	}
	variants, rounds := map[string]int{}, make([]int, len(g.cases))
	for _, i := range order {
		cell := g.cases[i].Place + " " + g.cases[i].Keyword
		rounds[i] = variants[cell]
		variants[cell]++
	}
	slices.SortStableFunc(order, func(a, b int) int { return rounds[a] - rounds[b] })
	for _, i := range order {
		c.take(i)
	}
	for i := range g.cases {
		if c.taken[i] {
			cases = append(cases, g.cases[i].Case)
		}
	}
	return cases
}

func (c *chooser) isNew(i, rank int) bool {
	return slices.ContainsFunc(c.cases[i].goals,
		func(g goal) bool { return g.rank == rank && !c.reached[g] })
}

// take takes a case if there is room for it, and for reading back what it may create if no case
// before is read back that is refused in the same way.
func (c *chooser) take(i int) {
	if c.taken[i] || c.left == 0 {
		return
	}
	taken := &c.cases[i]
	c.taken[i] = true
	c.left--
	for _, g := range taken.goals {
		c.reached[g] = true
	}
	if ways := taken.refusedWays(); c.left > 0 &&
		slices.ContainsFunc(ways, func(way string) bool { return !c.back[way] }) {
		taken.Back = true
		c.left--
		for _, way := range ways {
			c.back[way] = true
		}
	}
}

// refusedWays are the ways in which a case is refused that may each leave a transaction; none where
// that can't be.
func (c *Case) refusedWays() []string {
	statuses := c.Place + fmt.Sprint(c.Statuses)
	switch {
	case c.Expect != Refused || c.Rule == ruleLenient || c.Request.Method != "POST":
		return nil
	case c.Place == theToken:
		return []string{c.Rule + " " + c.Request.Identity}
	case c.Place == thePath:
		return []string{c.Place + " " + c.Rule}
	case c.Place[0] == '(':
		return []string{c.Place + " " + c.Keyword}
	case c.Keyword == "required":
		return []string{c.Keyword}
	}
	return []string{c.Place, c.Keyword, statuses}
}

package render

import (
	"encoding/xml"
	"fmt"
	"mfaload/internal/text"
	"mfaload/report"
	"slices"
	"strings"
)

// What bounds junit.xml: each suite has so many testcases and so many bytes of them,
// and each testcase so many lines. What is left out is said, and is in report.json.
const (
	junitCases = 1000
	junitBytes = 512 << 10
	junitLines = 20
)

// fitting are the testcases that there is room for. When that is not all of them,
// those that failed come first, and the last one stands for the rest: it is never
// better than they are.
func fitting(cases []junitCase, what string) []junitCase {
	if room(cases) == len(cases) {
		return cases
	}
	slices.SortStableFunc(cases, func(a, b junitCase) int { return a.rank() - b.rank() })
	n := room(cases)
	rest := cases[n]
	rest.Name, rest.Out = fmt.Sprintf("%d more %s in report.json", len(cases)-n, what), ""
	for _, result := range []**junitResult{&rest.Failure, &rest.Error, &rest.Skipped} {
		if *result != nil {
			*result = &junitResult{Message: rest.Name, Type: (*result).Type}
		}
	}
	return append(cases[:n:n], rest)
}

// room is how many of the testcases fit, from the first on.
func room(cases []junitCase) (n int) {
	for size := 0; n < min(len(cases), junitCases); n++ {
		if size += cases[n].size(); size > junitBytes {
			break
		}
	}
	return n
}

// rank is the place of a testcase among those of which not all are shown.
func (c *junitCase) rank() int {
	switch {
	case c.Failure != nil:
		return 0
	case c.Error != nil:
		return 1
	case c.Skipped != nil:
		return 2
	}
	return 3
}

// size is about how many bytes a testcase takes.
func (c *junitCase) size() int {
	n := len(c.Class) + escapedSize(c.Name) + escapedSize(c.Out) + 100
	for _, r := range []*junitResult{c.Failure, c.Error, c.Skipped} {
		if r != nil {
			n += escapedSize(r.Message) + escapedSize(r.Text) + 100
		}
	}
	return n
}

// escapedSize is how long a text is in XML.
func escapedSize(text string) int {
	var n counter
	_ = xml.EscapeText(&n, []byte(text))
	return int(n)
}

// counter counts what is written to it.
type counter int

func (c *counter) Write(b []byte) (int, error) {
	*c += counter(len(b))
	return len(b), nil
}

// lines joins texts, as many as there is room for.
func lines(texts []string) string {
	shown, more := text.First(texts, junitLines)
	cut := make([]string, len(shown))
	for i, s := range shown {
		cut[i] = text.Clip(s, report.MaxText)
	}
	if more > 0 {
		cut = append(cut, fmt.Sprintf("%d more in report.json", more))
	}
	return strings.Join(cut, "\n")
}

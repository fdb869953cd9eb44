package chart_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"regexp"
	"strings"
	"testing"

	g "maragu.dev/gomponents"
	h "maragu.dev/gomponents/html"

	"mfaload/report/render/chart"
)

func TestAxesHoldTheirValues(t *testing.T) {
	for _, c := range []struct{ low, high float64 }{
		{0, 0}, {0, 1}, {0, 0.003}, {0.1, 0.1}, {1, 7}, {0, 123456}, {-3, 4}, {99.99, 100}, {5, 1},
		{0.0013, 3.6e6}, {1, 1000}, {2, 5},
	} {
		for name, a := range map[string]chart.Axis{"linear": chart.Linear(c.low, c.high, ""),
			"log": chart.Log(c.low, c.high, 0.001, "")} {
			if a.Low > max(c.low, 0.001) && name == "log" || name == "linear" && a.Low > c.low+1e-9 ||
				a.High < c.high && c.high >= 0.001 || !(a.High > a.Low) {
				t.Errorf("%s axis of %v: from %v to %v", name, c, a.Low, a.High)
			}
			if n := len(a.Ticks); n < 2 || n > 12 {
				t.Errorf("%s axis of %v: %d ticks: %v", name, c, n, a.Ticks)
			}
			seen := map[string]bool{}
			for _, tick := range a.Ticks {
				if seen[tick.Text] || tick.At < a.Low-1e-9 || tick.At > a.High*(1+1e-9)+1e-9 {
					t.Errorf("%s axis of %v: tick %v", name, c, tick)
				}
				seen[tick.Text] = true
			}
		}
	}
}

func TestClock(t *testing.T) {
	for _, to := range []float64{0, 0.5, 1, 3, 59, 61, 300, 3600, 86400, 10 * 86400, 3.2e8} {
		a := chart.Clock(0, to)
		if n := len(a.Ticks); n < 2 || n > 8 {
			t.Errorf("%v s: %d ticks: %v", to, n, a.Ticks)
		}
	}
	for seconds, want := range map[float64]string{0: "0 s", 12: "12 s", 0.5: "0.5 s", 90: "1:30",
		3600: "1:00:00", 90061: "25:01:01"} {
		if got := chart.ClockText(seconds); got != want {
			t.Errorf("%v: %q, want %q", seconds, got, want)
		}
	}
}

func TestDigits(t *testing.T) {
	for x, want := range map[float64]string{0: "0", 1: "1", 0.1: "0.1", 1.234: "1.23", 12.34: "12.3",
		1234.5: "1234", 0.00123: "0.00123", 99.96: "100", -2.5: "-2.5", 1e-9: "0"} {
		if got := chart.Digits(x); got != want {
			t.Errorf("%v: %q, want %q", x, got, want)
		}
	}
}

const hostile = `</title></script><script>alert(1)</script>"'&<!--`

// all is a chart with everything in it.
func all() *chart.Chart {
	nan := math.NaN()
	return &chart.Chart{
		Title: "Times " + hostile, Summary: "What is to be seen " + hostile,
		X: chart.Clock(0, 4), Y: chart.Log(1, 100, 0.001, "ms "+hostile),
		Marks: []chart.Mark{{From: 0, To: 2, Name: "stage " + hostile, Look: chart.Faint},
			{From: 2, To: 2, Look: chart.Bad}},
		Levels: []chart.HorizontalLine{{At: 50, Name: "limit " + hostile, Look: chart.Bad}},
		Cells: &chart.Cells{X: []float64{0, 2, 4}, Y: []float64{1, 10, 100},
			Count: [][]float64{{1, 0}, {5, 1000}}},
		Series: []chart.Trace{
			{Name: "line " + hostile, Kind: chart.Line, Look: chart.One, X: []float64{0, 1, 2, 3, 4},
				Y: []float64{1, 2, nan, 3, nan}},
			{Kind: chart.Band, Look: chart.One, X: []float64{0, 1, 2, 3}, Y: []float64{nan, 20, 30, nan},
				Base: []float64{nan, 2, 3, nan}},
			{Kind: chart.Band, Look: chart.Two, X: []float64{0, 1}, Y: []float64{5, 6}},
			{Kind: chart.Steps, Look: chart.Two, X: []float64{0, 1, 2, 3}, Y: []float64{5, nan, 6}},
			{Kind: chart.Bars, Look: chart.Three, X: []float64{0, 1, 2}, Y: []float64{5, nan},
				Base: []float64{1, nan}},
			{Kind: chart.Dots, Look: chart.Bad, X: []float64{1, 2}, Y: []float64{1000, nan}},
			{Kind: chart.Line, Look: chart.Four},
		},
		Table: chart.Table{Head: []string{"at", "ms"}, Rows: [][]string{{"0 s", hostile}, {"1 s", "2"}},
			At: []float64{0, 1}},
	}
}

func TestChartIsWellFormed(t *testing.T) {
	var b strings.Builder
	if err := all().HTML("all").Render(&b); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	if strings.Contains(text, "<script") || strings.Contains(text, "NaN") || strings.Contains(text, "Inf") {
		t.Error(text)
	}
	svg := regexp.MustCompile(`(?s)<svg.*</svg>`).FindString(text)
	d := xml.NewDecoder(strings.NewReader(svg))
	paths, empty := 0, 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, is := token.(xml.StartElement); is && e.Name.Local == "path" {
			paths++
			for _, a := range e.Attr {
				if a.Name.Local == "d" && a.Value == "" {
					empty++
				}
			}
		}
	}
	if grid, marks, cells, series, levels := 7, 2, 3, 7, 1; paths != grid+marks+cells+series+levels ||
		empty != 1 {
		t.Errorf("%d paths, %d of them empty:\n%s", paths, empty, svg)
	}
	for _, want := range []string{
		// the line, its gap, and a point alone
		`d="M0 1000L250 849.5M748 761.4h4"`,
		`d="M250 349.5L500 261.4L500 761.4L250 849.5z"`, // the band
		`d="M0 650.5H250M500 610.9H750"`,                // the steps
		`d="M0 1000V650.5H250V1000z"`,                   // the bar
		// the dot, held back by the frame
		`d="M250 0h0"`,
		`data-x="250"`, `role="img"`, `<p>What is to be seen`, `<desc id="all-e">What`, // for readers
	} {
		if !strings.Contains(text, want) {
			t.Errorf("it lacks %s:\n%s", want, text)
		}
	}
}

// The policy of a page lets its own script run and nothing else, and no text
// gets out of its place.
func TestPage(t *testing.T) {
	data, err := chart.Page(hostile, ".own {}\n", h.P(g.Text("body")), all().HTML("all"))
	if err != nil {
		t.Fatal(err)
	}
	page := string(data)
	script := regexp.MustCompile(`(?s)<script>(.*?)</script>`).FindAllStringSubmatch(page, -1)
	if len(script) != 1 {
		t.Fatalf("%d scripts", len(script))
	}
	hash := sha256.Sum256([]byte(script[0][1]))
	for _, want := range []string{"script-src 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) + "'",
		"default-src 'none'", ".own {}", "<p>body</p>"} {
		if !strings.Contains(page, want) {
			t.Errorf("it lacks %s", want)
		}
	}
	if regexp.MustCompile(`https?:|src=|href=|@import|url\(`).MatchString(page) {
		t.Error("it refers to something else")
	}
}

// A reader chooses traces by the page's chooser, hides each by its name in the legend, and
// moves one cursor over all charts that share an axis.
func TestChoices(t *testing.T) {
	x := []float64{0, 1}
	c := &chart.Chart{Title: "Times", X: chart.Clock(0, 60), Y: chart.Log(1, 100, 1, "ms"),
		Series: []chart.Trace{{Name: "max", Kind: chart.Line, Look: chart.Faint, X: x, Y: x},
			{Kind: chart.Dots, Look: chart.Faint, X: x, Y: x}},
		Choices: [][]chart.Trace{{{Name: "p50", Kind: chart.Line, Look: chart.One, X: x, Y: x}},
			{{Name: "p99", Kind: chart.Line, Look: chart.One, X: x, Y: x}}}}
	c.X.Shared = "time"
	var b strings.Builder
	page := g.Group{chart.Chooser("Percentile", []string{"p50", "p99"}, 1), c.HTML("times")}
	if err := page.Render(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`data-axis="time" data-from="0" data-to="60"`, "ms (log scale)",
		`<li data-s="s0"><i class="line k-faint"`, `<path class="dots k-faint" data-s="s0"`,
		`<li data-s="q0" data-q="1">`, `<g data-q="1"><path class="line k-one" data-s="q0"`,
		`id="choice-1" checked`} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("it lacks %s:\n%s", want, b.String())
		}
	}
}

func TestSections(t *testing.T) {
	var b strings.Builder
	if err := chart.Sections(chart.PageSection{ID: "one", Title: "One", Body: g.Text("body")},
		chart.PageSection{ID: "none", Title: "None"}).Render(&b); err != nil {
		t.Fatal(err)
	}
	want := `<nav class="contents" aria-label="contents"><ul><li><a href="#one">One</a></li></ul></nav>` +
		"\n" +
		`<section id="one"><h2><a href="#one">One</a></h2>body</section>` + "\n"
	if b.String() != want {
		t.Errorf("%s", b.String())
	}
}

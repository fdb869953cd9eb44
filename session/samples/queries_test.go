package samples_test

import (
	"bytes"
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"mfaload/session/samples"
)

// queryScript runs a query of the standard input, and prints the number of its rows.
const queryScript = `const {DuckDBInstance} = require('@duckdb/node-api');
(async () => {
	const c = await (await DuckDBInstance.create(':memory:')).connect();
	console.log((await c.runAndReadAll(require('fs').readFileSync(0, 'utf8'))).currentRowCount);
})().catch(e => { console.error(e.message); process.exit(1); });`

// The queries of docs/samples.md run in DuckDB. It takes npm's @duckdb/node-api, 70 MB that the
// project does without otherwise: NODE_PATH names the folder that has it.
func TestQueriesOfTheDocs(t *testing.T) {
	if exec.Command("node", "-e", "require('@duckdb/node-api')").Run() != nil {
		t.Skip("no @duckdb/node-api: 'npm install @duckdb/node-api', and set NODE_PATH")
	}
	dir, page := docsExample(t)
	queries := regexp.MustCompile("(?s)```sql\n(.*?)```").FindAllSubmatch(page, -1)
	if len(queries) != 3 {
		t.Errorf("%d queries", len(queries))
	}
	for i, query := range queries {
		c := exec.Command("node", "-e", queryScript)
		c.Dir, c.Stdin = dir, bytes.NewReader(query[1])
		out, err := c.CombinedOutput()
		if want := []string{"1\n", "20\n", "2\n"}[i]; err != nil || string(out) != want {
			t.Errorf("%s%s, want %s rows: %v", query[1], out, want, err)
		}
	}
}

// The lines of docs/samples.md for pandas run, and find the same rows. PYTHON names an interpreter that has
// it (Debian: python3-pandas, run by /usr/bin/python3).
func TestPandasOfTheDocs(t *testing.T) {
	python := cmp.Or(os.Getenv("PYTHON"), "python3")
	if exec.Command(python, "-c", "import pandas").Run() != nil {
		t.Skipf("%s has no pandas: install it, and set PYTHON", python)
	}
	dir, page := docsExample(t)
	script := regexp.MustCompile("(?s)```python\n(.*?)```").FindSubmatch(page)
	c := exec.Command(python, "-c", "import pandas\npandas.set_option('display.width', 250)\n"+
		string(script[1])+"\nprint(len(ok), len(r))")
	c.Dir = dir
	out, err := c.CombinedOutput()
	found := regexp.MustCompile(`(?s)response_ms +intended_at.*False .*True .*\n\d{4} 3000\n$`)
	if err != nil || !found.Match(out) {
		t.Errorf("%s%v", out, err)
	}
}

// docsExample returns a folder with friday.csv, and the page that asks questions of it.
func docsExample(t *testing.T) (dir string, page []byte) {
	page, err := os.ReadFile("../../docs/samples.md")
	if err != nil {
		t.Fatal(err)
	}
	file, _ := written(t, 3000)
	format, err := samples.FormatOf("friday.csv")
	if err != nil {
		t.Fatal(err)
	}
	var rows bytes.Buffer
	if err := format.Write(&rows, bytes.NewReader(file.Bytes())); err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "friday.csv"), rows.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir, page
}

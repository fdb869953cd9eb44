package samples_test

import (
	"bytes"
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
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "friday.csv"), rows.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
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

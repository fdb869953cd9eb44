package check

import (
	"encoding/json"
	"fmt"
	"time"

	"mfaload/internal/disk"
	"mfaload/internal/text"
	"mfaload/pingone/generate"
	"mfaload/report"
)

// recordSchema names the format of [RecordFile].
const recordSchema = "mfaload/check/v1"

// Record is what [RecordFile] holds: what a check with generated requests came to, for programs.
type Record struct {
	Schema   string `json:"schema"`
	Scenario string `json:"scenario"`
	Hash     string `json:"scenario_hash"`
	Target   string `json:"target"`
	Version  string `json:"version"`
	// Contract is the fingerprint of the contract.
	Contract string    `json:"contract"`
	Started  time.Time `json:"started"`
	Seed     uint64    `json:"seed"`
	// Sent are all requests, Failed those of them whose response failed the check.
	Sent   int `json:"sent"`
	Failed int `json:"failed"`
	// Tried are the keywords of the request that were tried, of all Keywords that the contract has.
	Tried    int `json:"keywords_tried"`
	Keywords int `json:"keywords"`
	// Untold are violations of an earlier check of which no response told whether they are fixed.
	Untold int `json:"violations_untold"`
	// Drifted says that the shape of the responses is not that of the baseline.
	Drifted bool           `json:"drifted"`
	Verdict report.Verdict `json:"verdict"`
}

// record is what the check came to.
func (k *Check) record(c *generate.RequestCoverage, drifted bool) *Record {
	r := &Record{Schema: recordSchema, Scenario: k.scenario.Name, Hash: k.scenario.Hash(),
		Target: report.TermsOf(k.scenario).Target, Version: k.options.Version, Contract: k.contract,
		Started: k.started, Seed: k.options.Seed, Sent: k.sent, Failed: k.bad, Untold: len(k.untold()),
		Drifted: drifted, Verdict: report.Pass}
	r.Tried, r.Keywords = c.Share()
	switch {
	case r.Failed > 0 || drifted:
		r.Verdict = report.Fail
	case r.Untold > 0:
		r.Verdict = report.Inconclusive
	}
	return r
}

// writeRecord writes it to the folder, if there is one.
func (k *Check) writeRecord(r *Record) error {
	if k.options.Out == "" {
		return nil
	}
	data, err := report.Encode(r)
	if err == nil {
		err = disk.Replace(k.file(RecordFile), data, 0o600)
	}
	if err != nil {
		return fmt.Errorf("write the results of the check: %w\n%s", err,
			text.Hint("choose another folder with --out"))
	}
	return nil
}

// DecodeRecord reads what [RecordFile] holds.
func DecodeRecord(data []byte) (*Record, error) {
	var r Record
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("it is not what 'mfaload check --out' writes: %w", err)
	}
	switch {
	case r.Schema != recordSchema:
		return nil, fmt.Errorf("its schema is %q, not %q", r.Schema, recordSchema)
	case r.Verdict != report.Pass && r.Verdict != report.Fail && r.Verdict != report.Inconclusive:
		return nil, fmt.Errorf("%q is not a verdict", r.Verdict)
	case min(r.Sent, r.Failed, r.Tried, r.Keywords, r.Untold) < 0:
		return nil, fmt.Errorf("a count is below 0")
	}
	return &r, nil
}

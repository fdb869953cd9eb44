package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
)

// Sealed is report.json with a checksum over all that it says and over the packed
// measurement that it judges, so that a report that was edited is noticed. It
// keeps nobody out who makes a new checksum.
func (r *Report) Sealed(measurement [sha256.Size]byte) ([]byte, error) {
	r.Checksum = ""
	text, err := r.JSON()
	if err != nil {
		return nil, err
	}
	if r.Checksum, err = checksum(text, measurement); err != nil {
		return nil, err
	}
	return r.JSON()
}

// CheckSeal is an error where report.json or its measurement is not what it was
// when the run was judged. One without a checksum may have been edited as well.
func CheckSeal(text []byte, measurement [sha256.Size]byte) error {
	var said struct {
		Checksum string `json:"checksum"`
	}
	if err := json.Unmarshal(text, &said); err != nil {
		return fmt.Errorf("read report: %w", err)
	}
	if said.Checksum == "" {
		return errors.New("it has no checksum: report.json was changed after the run was judged, so the verdict " +
			"can't be trusted")
	}
	want, err := checksum(text, measurement)
	if err == nil && want != said.Checksum {
		err = errors.New("its checksum does not match: report.json or measurement.json.gz was changed " +
			"after the run was judged, so the verdict can't be trusted")
	}
	return err
}

// checksum does not depend on how the text is laid out, nor on the version that
// reads it.
func checksum(text []byte, measurement [sha256.Size]byte) (string, error) {
	var all map[string]any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&all); err != nil {
		return "", fmt.Errorf("read report: %w", err)
	}
	delete(all, "checksum")
	plain, err := json.Marshal(all)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(append(plain, measurement[:]...))
	return "sha256:" + hex.EncodeToString(sum[:]), nil
}

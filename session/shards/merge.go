package shards

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"mfaload/internal/text"
	"mfaload/measure"
	"mfaload/session"
)

// KeepInputs is an error if a folder that is to be replaced holds what is merged.
func KeepInputs(out string, files []session.ShardFile) error {
	folder := resolved(out)
	for _, f := range files {
		if rel, err := filepath.Rel(folder, resolved(f.Name)); err == nil && filepath.IsLocal(rel) {
			return fmt.Errorf("--overwrite would remove %s, which is merged, from %s\n%s", f.Name, out,
				text.Hint("choose another folder with --out"))
		}
	}
	return nil
}

// resolved is a path without links, as far as it exists.
func resolved(path string) string {
	if absolute, err := filepath.Abs(path); err == nil {
		path = absolute
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	return path
}

// Merge merges measurements of files. The error names the files that can't be merged.
func Merge(files []session.ShardFile) (*measure.Measurement, error) {
	var all []*measure.Measurement
	for _, f := range files {
		all = append(all, f.Measurement)
	}
	m, err := measure.Merge(all)
	var misfits *measure.MergeError
	if !errors.As(err, &misfits) {
		return m, err
	}
	texts := []string{}
	for _, misfit := range misfits.Conflicts {
		line := files[misfit.Measurement].Name + ": " + misfit.Why
		if misfit.Twin >= 0 {
			line += ", also in " + files[misfit.Twin].Name
		}
		texts = append(texts, line)
	}
	texts = append(texts, "name the files of one run, each shard once; two machines that were "+
		"the same shard sent more than the scenario says: repeat the run")
	return nil, fmt.Errorf("these can't be merged, and nothing was\n%s",
		text.Hint("%s", strings.Join(texts, "\n")))
}

// mergeAlike merges measurements that are of one run; those that do not fit the others are lost.
// It returns nil where there is none.
func mergeAlike(all []*measure.Measurement) (m *measure.Measurement, lost []measure.LostShard, err error) {
	for len(all) > 0 {
		m, err = measure.Merge(all)
		var misfits *measure.MergeError
		if !errors.As(err, &misfits) {
			return m, lost, err
		}
		odd := map[int]bool{}
		for _, misfit := range misfits.Conflicts {
			if shard := all[misfit.Measurement].Shard; shard != nil && !odd[misfit.Measurement] {
				lost = append(lost, measure.LostShard{Index: shard.Index,
					Why: "its measurement does not fit those of the others: " + misfit.Why})
			}
			odd[misfit.Measurement] = true
		}
		var rest []*measure.Measurement
		for i, one := range all {
			if !odd[i] {
				rest = append(rest, one)
			}
		}
		all = rest
	}
	return nil, lost, nil
}

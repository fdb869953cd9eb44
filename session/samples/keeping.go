package samples

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"mfaload/internal/text"
	"mfaload/session"
)

// Keeping says whether a run keeps each of its requests.
type Keeping struct {
	// File is what rows are written to when the run ends; empty for none.
	File string
	// Journal keeps the journal in the results folder.
	Journal bool
	// Users shows the IDs of users instead of a hash of each.
	Users bool
}

// Check says what contradicts itself.
func (k *Keeping) Check() error {
	switch {
	case k.Users && k.File == "" && !k.Journal:
		return errors.New("--users needs --samples or --keep-samples")
	case k.File == "":
		return nil
	}
	if _, err := FormatOf(k.File); err != nil {
		return fmt.Errorf("--samples %w", err)
	}
	return nil
}

// NameUser is how the journal knows users; nil if it tells of none.
func (k *Keeping) NameUser() func(string) string {
	switch {
	case k.File == "" && !k.Journal:
		return nil
	case k.Users:
		return func(id string) string { return id }
	}
	return HashUser
}

// WorkerFlags are the flags of the workers of a run on this machine.
func (k *Keeping) WorkerFlags() (flags []string) {
	if k.NameUser() != nil {
		flags = append(flags, "--keep-samples")
	}
	if k.Users {
		flags = append(flags, "--users")
	}
	return flags
}

// Write writes the samples of a run that is over, before its journal is removed. The other side of a
// run against two targets, nil if there is none, has a file of its own.
func (k *Keeping) Write(dir, other *session.Folder) error {
	dir.KeepJournal = k.Journal
	err := k.write(k.File, dir.Path(), dir.Journal())
	dir.KeepJournal = dir.KeepJournal || err != nil
	if other == nil {
		return err
	}
	folder, name := filepath.Split(k.File)
	if stem, suffix, found := strings.Cut(name, "."); found {
		name = stem + ".against." + suffix
	}
	otherErr := k.write(folder+name, other.Path(), other.Journal())
	other.KeepJournal = k.Journal || otherErr != nil
	return errors.Join(err, otherErr)
}

// WriteShards writes the samples of a run whose shards were workers of this machine, and are over.
func (k *Keeping) WriteShards(dir *session.Folder) error {
	if k.File == "" {
		return nil
	}
	journals, err := session.FindJournals(dir.Path())
	if err != nil {
		return err
	}
	if err := k.write(k.File, dir.Path(), journals...); err != nil || k.Journal {
		return err
	}
	for _, file := range journals {
		if filepath.Base(file) == session.SamplesFile {
			err = errors.Join(err, os.Remove(file))
		}
	}
	return err
}

func (k *Keeping) write(file, dir string, journals ...string) error {
	if file == "" {
		return nil
	}
	format, err := FormatOf(file)
	if err == nil {
		err = format.WriteFile(file, journals...)
	}
	if err != nil {
		return fmt.Errorf("write the samples: %w\n%s", err,
			text.Hint("the journal is kept: 'mfaload samples --file FILE %s' writes them", dir))
	}
	return nil
}

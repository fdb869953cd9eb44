package disk_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"mfaload/internal/disk"
)

// Whoever can put links into a folder makes mfaload write nowhere else with them.
func TestLinksAreReplacedNotFollowed(t *testing.T) {
	for name, write := range map[string]func(path string) error{
		"replace": func(path string) error { return disk.Replace(path, []byte("new"), 0o600) },
		"new": func(path string) error {
			f, err := disk.New(path)
			if err != nil {
				return err
			}
			_, err = f.WriteString("new")
			return errors.Join(err, f.Close())
		},
	} {
		for _, planted := range []string{"page.html", ".page.html.tmp"} {
			dir := t.TempDir()
			victim, path := filepath.Join(dir, "victim"), filepath.Join(dir, "page.html")
			if err := os.WriteFile(victim, []byte("theirs"), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(victim, filepath.Join(dir, planted)); err != nil {
				t.Skip(err)
			}
			if err := write(path); err != nil {
				t.Errorf("%s, %s: %v", name, planted, err)
			}
			for file, want := range map[string]string{victim: "theirs", path: "new"} {
				if text, err := os.ReadFile(file); err != nil || string(text) != want {
					t.Errorf("%s, %s: %s has %q, %v", name, planted, file, text, err)
				}
			}
			if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() {
				t.Errorf("%s, %s: %v, %v", name, planted, info, err)
			}
		}
	}
}

// A name that is taken by something else than a file is an error, and stays.
func TestOnlyFilesAreReplaced(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	if err := os.Symlink(os.DevNull, link); err != nil {
		t.Skip(err)
	}
	for _, path := range []string{dir, link} {
		if err := disk.Replace(path, nil, 0o600); err == nil {
			t.Errorf("%s was replaced", path)
		}
	}
	if target, err := os.Readlink(link); target != os.DevNull {
		t.Error(target, err)
	}
}

func TestCreateKeepsWhatIsThere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := disk.Create(path, []byte("first"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := disk.Create(path, []byte("second"), 0o600); !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
	if text, _ := os.ReadFile(path); string(text) != "first" {
		t.Errorf("%q", text)
	}
}

// A folder that can't be read can't be synced, and takes files all the same.
func TestFolderThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o300); err != nil { // #nosec G302 -- a folder
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
	if err := files(filepath.Join(dir, "a"), filepath.Join(dir, "b")); err != nil {
		t.Error(err)
	}
}

func files(created, replaced string) error {
	return errors.Join(disk.Create(created, nil, 0o600), disk.Replace(replaced, nil, 0o600))
}

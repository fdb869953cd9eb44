package main

import (
	"cmp"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// emulators run programs of other systems, the first one that is installed.
var emulators = map[string][]string{
	"linux/amd64":   {"qemu-x86_64-static", "qemu-x86_64"},
	"linux/arm64":   {"qemu-aarch64-static", "qemu-aarch64"},
	"windows/amd64": {"wine64", "wine"},
}

// trial is a run that any machine can do, however slow it makes it.
const trial = `name: trial
target: {simulator: {users: [{ids: [788d4931-6936-43f2-82ff-178f5762298a], devices: [EMAIL]}]}}
users: [{name: email, ids: [788d4931-6936-43f2-82ff-178f5762298a]}]
load: {stages: [{rate: 10/s, duration: 1s}]}
`

// started starts a program where that can be done, has it do a run, and says
// by what, or why not.
func (r *maker) started(system, binary string) (string, error) {
	var emulator []string
	if system != runtime.GOOS+"/"+runtime.GOARCH {
		for _, name := range emulators[system] {
			if path, err := exec.LookPath(name); err == nil {
				emulator = []string{path}
				break
			}
		}
		switch {
		case emulators[system] == nil:
			return "NOT STARTED: nothing here runs it", nil
		case emulator == nil:
			return "NOT STARTED: " + emulators[system][0] + " is not installed", nil
		}
	}
	said, err := r.start(emulator, binary, "version")
	if strings.Contains(said, "bcryptprimitives.dll not found") {
		return "NOT STARTED: this wine is too old for Go's programs", nil
	}
	if err != nil {
		return "", err
	}
	if !strings.HasPrefix(said, "mfaload "+r.version+" ") || !strings.Contains(said, system) {
		return "", fmt.Errorf("it says that it is %q", strings.TrimSpace(said))
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(binary), "trial.yaml"), []byte(trial),
		0o600); err != nil {
		return "", err
	}
	said, err = r.start(emulator, binary, "run", "-q", "--out", "trial", "trial.yaml")
	// Late sends, on a machine that emulates another, make a run inconclusive.
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 4 && strings.HasPrefix(said, "INCONCLUSIVE") {
		err = nil
	}
	if err != nil {
		return "", err
	}
	verdict, _, _ := strings.Cut(said, " ")
	by := "started"
	if emulator != nil {
		by += " by " + filepath.Base(emulator[0])
	}
	return by + ", a run: " + strings.ToLower(verdict), nil
}

// start runs a program in its folder and returns what it said.
func (r *maker) start(emulator []string, binary string, args ...string) (string, error) {
	argv := append(append(emulator, binary), args...)
	c := exec.Command(argv[0], argv[1:]...)
	c.Dir = filepath.Dir(binary)
	c.Env = append(os.Environ(), "WINEDEBUG=-all", "WINEPREFIX="+cmp.Or(os.Getenv("WINEPREFIX"),
		filepath.Join(r.work, "wine")))
	out, err := c.CombinedOutput()
	said := strings.ReplaceAll(string(out), "\r\n", "\n")
	if err != nil {
		err = fmt.Errorf("%s: %w\n%s", strings.Join(argv, " "), err, said)
	}
	return said, err
}

// static refuses a program for Linux that wants a library or a loader.
func static(binary string) error {
	f, err := elf.Open(binary)
	if err != nil {
		return err
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			return errors.New("the program is not static")
		}
	}
	return nil
}

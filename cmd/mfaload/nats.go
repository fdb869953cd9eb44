package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"mfaload/fleet"
	"mfaload/session"
)

// natsFlags say where an external NATS server is.
type natsFlags struct {
	urls                 []string
	creds, nkey          string
	ca, certificate, key string
	run                  string
}

func (f *natsFlags) add(c *cobra.Command) {
	c.Flags().StringSliceVar(&f.urls, "nats", nil,
		"an external NATS server or cluster: tls://host:port, several with commas")
	c.Flags().StringVar(&f.creds, "creds", "",
		"with --nats: a file with the user's credentials (JWT and seed)")
	c.Flags().StringVar(&f.nkey, "nkey", "", "with --nats: a file with the user's NKey seed")
	c.Flags().StringVar(&f.ca, "nats-ca", "",
		"with --nats: a PEM file of authorities to trust beside the system's")
	c.Flags().StringVar(&f.certificate, "nats-cert", "",
		"with --nats: a PEM file with a client certificate, for mutual TLS")
	c.Flags().StringVar(&f.key, "nats-key", "", "with --nats-cert: a PEM file with its key")
	c.Flags().StringVar(&f.run, "run", "",
		"with --nats: the run's name, the same for all: letters, digits, _ and -")
}

// external returns the server that the flags name; nil where they name none.
func (f *natsFlags) external() (*fleet.External, error) {
	switch {
	case len(f.urls) == 0 && (f.creds != "" || f.nkey != "" || f.ca != "" || f.certificate != "" ||
		f.key != "" || f.run != ""):
		return nil, errors.New("--creds, --nkey, --nats-ca, --nats-cert, --nats-key and --run need --nats")
	case len(f.urls) == 0:
		return nil, nil
	case f.run == "":
		return nil, errors.New("--nats needs --run: a name for the run, the same for all")
	case f.creds != "" && f.nkey != "":
		return nil, errors.New("--creds and --nkey are two ways to be somebody: use one of them")
	case (f.certificate == "") != (f.key == ""):
		return nil, errors.New("--nats-cert and --nats-key need each other")
	}
	if err := fleet.CheckRun(f.run); err != nil {
		return nil, err
	}
	e := &fleet.External{URLs: f.urls, Creds: f.creds, NKey: f.nkey, CA: f.ca, Certificate: f.certificate,
		Key: f.key}
	return e, e.Check()
}

// fleetError gives an error of the package fleet its exit code.
func fleetError(err error) error {
	code := exitUsage
	var refusal *session.NotStartedError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refusal): // it says so itself
		return refused(err)
	case errors.Is(err, fleet.ErrMismatch):
	case errors.Is(err, fleet.ErrNotStarted):
		code, err = exitNotStarted, fmt.Errorf("%w\n%s", err, hint("nothing was sent"))
	case errors.Is(err, fleet.ErrCutOff):
		code = exitInconclusive
	case errors.Is(err, context.Canceled):
		code = exitInterrupted
		if err == context.Canceled {
			err = errors.New("interrupted")
		}
	}
	return &exitError{code, err}
}

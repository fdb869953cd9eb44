//go:build linux

package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Where the server listens, and what it is asked.
const (
	plainHost   = "127.0.0.1:9800"
	controlHost = "127.0.0.1:9801"
	secureHost  = "127.0.0.1:9802"
	envID       = "abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6"
	userID      = "788d4931-6936-43f2-82ff-178f5762298a"
	body        = `{"user":{"id":"` + userID + `"}}`
	path        = "/" + envID + "/deviceAuthentications"
)

// Processors of the server and of the client of the moment.
const serverCPU, clientCPU = "1", "0"

type server struct {
	process     *exec.Cmd
	certificate string
}

func startServer(binary, dir string) (*server, error) {
	s := &server{certificate: filepath.Join(dir, "certificate.pem")}
	s.process = exec.Command("taskset", "-c", serverCPU, binary, "-addr", plainHost, "-control", controlHost,
		"-tls", secureHost, "-certificate", s.certificate)
	s.process.Stderr = os.Stderr
	if err := s.process.Start(); err != nil {
		return nil, fmt.Errorf("start the server: %w", err)
	}
	for range 100 {
		if s.behave("none") == nil {
			return s, nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	s.stop()
	return nil, errors.New("the server does not answer; is one of its ports taken?")
}

func (s *server) stop() {
	_ = s.process.Process.Kill()
	_ = s.process.Wait()
}

func (s *server) behave(model string) error {
	answer, err := http.Post("http://"+controlHost+"/model", "text/plain", strings.NewReader(model))
	if err != nil {
		return err
	}
	text, _ := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return errors.New(strings.TrimSpace(string(text)))
	}
	return nil
}

// firstAt is when the first request since the server's last change came.
func (s *server) firstAt() (time.Time, error) {
	answer, err := http.Get("http://" + controlHost + "/first")
	if err != nil {
		return time.Time{}, err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return time.Time{}, err
	}
	return time.Parse(time.RFC3339Nano, string(text))
}

// arrivals are when requests came since the server's last change.
func (s *server) arrivals() ([]time.Duration, error) {
	answer, err := http.Get("http://" + controlHost + "/arrivals")
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	list := make([]time.Duration, len(data)/8)
	for i := range list {
		list[i] = time.Duration(binary.LittleEndian.Uint64(data[8*i:]))
	}
	return list, nil
}

// tls compares the tools over HTTPS. The server is net/http, which is slower
// than most of them, so check the processor time of a request.
func (b *bench) tls() error {
	b.print("\n## HTTPS, HTTP/1.1: 64 connections, as fast as each can")
	a := attack{origin: "https://" + secureHost, connections: 64, length: b.length,
		certificate: b.server.certificate}
	if err := b.compare(a); err != nil {
		return err
	}
	b.print("\n## HTTPS, HTTP/2: 64 requests at once, as fast as each can")
	a.http2 = true
	return b.compare(a)
}

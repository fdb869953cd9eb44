//go:build linux

// Server is what mfaload and its peers are compared against: it responds to every
// request with the documentation's example, a new transaction ID and the caller's
// user ID, at once or when a model says, and notes when each request arrived. Over
// HTTP/1.1 one thread polls all connections without ever sleeping, so give it a core
// of its own. Over HTTPS it is net/http.
package main

import (
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"mfaload/bench/model"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(1)
	}
}

func run() error {
	addr := flag.String("addr", "127.0.0.1:9800", "address to serve")
	control := flag.String("control", "127.0.0.1:9801", "address that tells when requests arrived, "+
		"and takes a new model")
	certificate := flag.String("certificate", "", "PEM file of the certificate, for HTTPS in place of HTTP")
	key := flag.String("key", "", "PEM file of its key")
	flag.Parse()

	b := &behaviour{}
	if err := b.reset("none"); err != nil {
		return err
	}
	if *certificate == "" {
		l, err := newLoop(*addr, b)
		if err != nil {
			return err
		}
		go l.run()
	} else {
		runtime.GOMAXPROCS(8) // on one processor: a request that sleeps in a system call keeps up nobody
		server := &http.Server{Addr: *addr, ReadHeaderTimeout: time.Minute, Handler: b}
		go func() {
			if err := server.ListenAndServeTLS(*certificate, *key); !errors.Is(err, http.ErrServerClosed) {
				fmt.Fprintln(os.Stderr, "server:", err)
				os.Exit(1)
			}
		}()
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /model", func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		if err := b.reset(string(text)); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	})
	mux.HandleFunc("GET /arrivals", func(w http.ResponseWriter, _ *http.Request) {
		b.mu.Lock()
		defer b.mu.Unlock()
		var list []byte
		for _, at := range b.arrivals {
			list = binary.LittleEndian.AppendUint64(list, uint64(at))
		}
		_, _ = w.Write(list)
	})
	mux.HandleFunc("GET /first", func(w http.ResponseWriter, _ *http.Request) {
		b.mu.Lock()
		defer b.mu.Unlock()
		_, _ = io.WriteString(w, b.first.Format(time.RFC3339Nano))
	})
	return http.ListenAndServe(*control, mux)
}

// behaviour is when the server responds, and when requests arrived.
type behaviour struct {
	mu       sync.Mutex
	model    model.Model
	waits    bool
	first    time.Time
	arrivals []time.Duration // since the first one
}

// reset forgets the requests so far and behaves as the text says from now on.
func (b *behaviour) reset(text string) error {
	m, err := model.Parse(text)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.model, b.waits, b.first, b.arrivals = m, text != "none", time.Time{}, make([]time.Duration, 0, 1<<20)
	return nil
}

// arrived notes a request, and says when it is to have its response, if not at once.
func (b *behaviour) arrived(now time.Time) (due time.Time, waits bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.first.IsZero() {
		b.first = now
	}
	at := now.Sub(b.first)
	b.arrivals = append(b.arrivals, at)
	if !b.waits {
		return now, false
	}
	return b.first.Add(b.model(at)), true
}

// sleepUntil leaves the last of a wait to the system: the runtime's timers go by whole
// milliseconds where nothing else is to do.
func sleepUntil(due time.Time) {
	const last = 3 * time.Millisecond
	time.Sleep(time.Until(due) - last)
	if rest := time.Until(due); rest > 0 {
		wait := unix.NsecToTimespec(rest.Nanoseconds())
		_ = unix.Nanosleep(&wait, nil)
	}
}

// ServeHTTP implements [http.Handler].
func (b *behaviour) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	due, _ := b.arrived(time.Now())
	body, _ := io.ReadAll(r.Body)
	sleepUntil(due)
	t, m := newTemplate("https://"+r.Host, r.URL.Path), newMaker()
	response := m.fill(t, userOf(body), time.Now())
	h := w.Header()
	h.Set("Content-Type", "application/json;charset=UTF-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Correlation-Id", string(response[t.corr[0]:t.corr[0]+36]))
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write(response[t.body:])
}

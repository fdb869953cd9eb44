package live

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/net/netutil"

	"mfaload/report/render/chart"
)

//go:embed page.html
var page []byte

//go:embed page.css
var style string

//go:embed page.js
var script []byte

//go:embed plot.js
var plots []byte

const (
	// MaxConnections is how many connections the live view has open at most,
	// strangers' included: whoever finds the address takes no more descriptors
	// from the run. Others wait until one is free.
	MaxConnections = 32
	// maxWatching bounds the readers of events: each holds a connection open. The
	// others are left to scrapers.
	maxWatching = 24
	// slow is how long a reader may take for an event before it is let go.
	slow = 5 * time.Second
)

// Server serves a run's live page, its events and its Prometheus metrics.
type Server struct {
	sampler  *Sampler
	listener net.Listener
	// token is what stopping the run takes, and where others can reach the address reading too.
	token    string
	open     bool // everybody may read: the address is of the loopback
	server   *http.Server
	watching atomic.Int64
	over     chan struct{}
	stop     func()
	stopped  sync.Once
}

// Listen begins to listen on an address, HOST:PORT; without a host it is one
// that only this machine reaches. Stopping the run takes a token, which [Server.URL] has, and
// so does reading where others can reach the address.
func Listen(address string) (*Server, error) {
	if strings.HasPrefix(address, ":") {
		address = "127.0.0.1" + address
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("--listen: %w", err)
	}
	return &Server{listener: netutil.LimitListener(l, MaxConnections), token: rand.Text(),
		open: loopback(l.Addr()), over: make(chan struct{})}, nil
}

func loopback(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// URL is where the page is, with the token.
func (s *Server) URL() string {
	return "http://" + Reachable(s.listener.Addr()) + "/?token=" + s.token
}

// Serve serves a run until Close is called. Stop is called once, when somebody stops the run from
// its page.
func (s *Server) Serve(sampler *Sampler, stop func()) {
	s.sampler, s.stop = sampler, stop
	registry := prometheus.NewRegistry()
	registry.MustRegister(&prometheusMetrics{sampler, time.Now()}, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", constant("text/html", page))
	mux.HandleFunc("GET /page.js", constant("text/javascript", script))
	mux.HandleFunc("GET /plot.js", constant("text/javascript", plots))
	mux.HandleFunc("GET /page.css", constant("text/css", []byte(chart.Style()+style)))
	mux.HandleFunc("GET /events", s.events)
	mux.HandleFunc("GET /status", s.status)
	mux.Handle("POST /stop", http.NewCrossOriginProtection().Handler(http.HandlerFunc(s.end)))
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true}))
	s.server = &http.Server{Handler: s.guard(mux), ReadTimeout: slow, WriteTimeout: 2 * slow,
		IdleTimeout: 2 * slow, MaxHeaderBytes: 16 << 10,
		ErrorLog: log.New(io.Discard, "", 0)}
	go func() { _ = s.server.Serve(s.listener) }()
}

// Close ends the events with the last status and stops serving.
func (s *Server) Close() error {
	if s.server == nil {
		return s.listener.Close()
	}
	close(s.over)
	ctx, cancel := context.WithTimeout(context.Background(), slow)
	defer cancel()
	if err := s.server.Shutdown(ctx); errors.Is(err, context.DeadlineExceeded) {
		return s.server.Close()
	}
	return nil
}

// scraped are what programs read, which keep no cookie: the token may stand in
// their address each time.
var scraped = []string{"/metrics", "/status"}

// guard lets nobody in who only reaches the address: on loopback a page of
// another site, whose name was made to point here (its Host tells); elsewhere
// everybody without the token.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; "+
			"connect-src 'self'; img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
		named := r.Method == http.MethodGet && s.same(r.URL.Query().Get("token"))
		switch {
		case s.open && !s.own(r.Host):
			h.Set("Connection", "close") // strangers keep none
			http.Error(w, "this is not the host that mfaload listens on", http.StatusForbidden)
		case named && slices.Contains(scraped, r.URL.Path):
			next.ServeHTTP(w, r)
		case named:
			// The token leaves the address bar, and the history with it.
			http.SetCookie(w, &http.Cookie{Name: s.cookie(), Value: s.token, Path: "/", HttpOnly: true,
				SameSite: http.SameSiteStrictMode}) // #nosec G124 -- there is no TLS, see decision 19
			http.Redirect(w, r, "/", http.StatusSeeOther)
		case !s.open && !s.authorized(r):
			unauthorized(w, "a token is needed: mfaload printed it when it started")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func unauthorized(w http.ResponseWriter, text string) {
	w.Header().Set("WWW-Authenticate", "Bearer")
	w.Header().Set("Connection", "close")
	http.Error(w, text, http.StatusUnauthorized)
}

// end stops the run, for who has the token: a cookie of the page, or a bearer token. A browser sends the
// cookie for pages of other origins on this machine too; those are refused before this is called.
func (s *Server) end(w http.ResponseWriter, r *http.Request) {
	if !s.authorized(r) {
		unauthorized(w, "stopping the run needs the token: open the address that mfaload printed at its "+
			"start")
		return
	}
	s.stopped.Do(func() {
		s.sampler.Stopping()
		s.stop()
	})
	w.WriteHeader(http.StatusAccepted)
}

// cookie is the name of the one that has the token: browsers tell ports of a host not apart, and each
// run has a port of its own.
func (s *Server) cookie() string {
	_, port, _ := net.SplitHostPort(s.listener.Addr().String())
	return "mfaload-" + port
}

func (s *Server) own(host string) bool {
	name, port, err := net.SplitHostPort(host)
	if err != nil {
		name, port = strings.Trim(host, "[]"), "80"
	}
	_, mine, _ := net.SplitHostPort(s.listener.Addr().String())
	ip := net.ParseIP(name)
	return port == mine && (strings.EqualFold(name, "localhost") || ip != nil && ip.IsLoopback())
}

func (s *Server) same(token string) bool {
	return subtle.ConstantTimeCompare([]byte(token), []byte(s.token)) == 1
}

func (s *Server) authorized(r *http.Request) bool {
	// Names of schemes have no case (RFC 9110, 11.1).
	if scheme, bearer, ok := strings.Cut(strings.TrimSpace(r.Header.Get("Authorization")), " "); ok &&
		strings.EqualFold(scheme, "Bearer") {
		return s.same(strings.TrimSpace(bearer))
	}
	c, err := r.Cookie(s.cookie())
	return err == nil && s.same(c.Value)
}

func constant(kind string, content []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind+"; charset=utf-8")
		_, _ = w.Write(content)
	}
}

func (s *Server) status(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(s.sampler.Status())
}

// events sends a status when there is a new one. A reader that is slow misses
// some; nobody waits for it. With ?history it sends the whole run so far first, and then what it got more.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	if s.watching.Add(1) > maxWatching {
		s.watching.Add(-1)
		http.Error(w, "too many readers: close another page", http.StatusServiceUnavailable)
		return
	}
	defer s.watching.Add(-1)
	news, stop := s.sampler.watch()
	defer stop()
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	_ = out.SetReadDeadline(time.Time{}) // it may watch for as long as the run goes on
	send := func(event string, value any) bool {
		data, err := json.Marshal(value)
		if err != nil || out.SetWriteDeadline(time.Now().Add(slow)) != nil {
			return false
		}
		_, err = fmt.Fprintf(w, "%sdata: %s\n\n", event, data)
		return err == nil && out.Flush() == nil
	}
	var seen *reading
	if r.URL.Query().Has("history") {
		seen = &reading{}
		if !send("event: run\n", s.sampler.outline(s.authorized(r))) {
			return
		}
	}
	for {
		if seen != nil {
			if more := s.sampler.since(seen); len(more.Points) > 0 && !send("event: points\n", more) {
				return
			}
		}
		if st := s.sampler.Status(); !send("", st) || st.Done {
			return
		}
		select {
		case <-news:
		case <-s.over:
			if !s.sampler.Status().Done {
				return
			}
		case <-r.Context().Done():
			return
		}
	}
}

// Reachable is an address as others can open it: one that stands for all addresses
// of this machine (0.0.0.0, ::) is replaced by one of them, that of the network
// before that of the loopback.
func Reachable(a net.Addr) string {
	tcp, ok := a.(*net.TCPAddr)
	if !ok || !tcp.IP.IsUnspecified() {
		return a.String()
	}
	addresses, _ := net.InterfaceAddrs() // without them the loopback is left
	return (&net.TCPAddr{IP: best(addresses, tcp.IP.To4() == nil), Port: tcp.Port}).String()
}

// best is an address of a network that can be opened from elsewhere, of version 4
// before 6; the loopback's where there is none.
func best(addresses []net.Addr, six bool) net.IP {
	found := net.IPv4(127, 0, 0, 1)
	for _, a := range addresses {
		network, ok := a.(*net.IPNet)
		switch {
		case !ok || !network.IP.IsGlobalUnicast():
		case network.IP.To4() != nil:
			return network.IP
		case six && found.IsLoopback():
			found = network.IP
		}
	}
	return found
}

package simulator

import (
	"cmp"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"mfaload/scenario"
)

// Environment answers like the service. It is safe for concurrent use.
type Environment struct {
	target   scenario.Target
	config   scenario.Simulator
	users    map[string]*knownUser
	policy   string
	limiter  *rate.Limiter
	received atomic.Uint64

	mu     sync.Mutex
	random *rand.Rand
	first  time.Time    // of the first request; stalls count from it
	queue  *ServerQueue // nil where there are no servers
	counts map[int]uint64
	steps  map[string]map[int]uint64 // by action and HTTP status
	recent ring
	last   last
	issued issued
}

// last is what the latest successes held, for faults that mix responses up.
type last struct {
	id, user string
	repeats  int
	bodies   map[string][]byte // by user
}

func (l *last) keep(a *simulatedResponse) {
	if l.bodies == nil {
		l.bodies = map[string][]byte{}
	}
	l.id, l.user = a.id, a.user
	l.bodies[a.user] = a.body()
}

// New returns a simulator of the target's environment that behaves as its Simulator
// says; nil is one without delays, users and faults. Users whom that does not list
// are unknown (404). Without an access token and client credentials it takes any
// token; with credentials only tokens from its token endpoint count, and the access
// token. An error says what of it is wrong.
func New(target scenario.Target) (*Environment, error) {
	s := &Environment{
		target: target, users: map[string]*knownUser{}, policy: stableID("policy " + target.EnvID),
		counts: map[int]uint64{}, steps: map[string]map[int]uint64{},
	}
	if target.Simulator != nil {
		s.config = *target.Simulator
	}
	s.config.Expiry = cmp.Or(s.config.Expiry, scenario.DefaultExpiry)
	s.recent = newRing(cmp.Or(s.config.Transactions, scenario.DefaultTransactions))
	c := &s.config
	if err := check(c); err != nil {
		return nil, err
	}
	s.random = rand.New(rand.NewPCG(c.Seed, 1))
	for i := range c.Users {
		for _, id := range c.Users[i].IDs {
			s.users[strings.ToLower(id)] = newUser(id, &c.Users[i])
		}
	}
	if c.Servers != nil {
		s.queue = NewServerQueue(*c.Servers, c.Seed)
	}
	if c.Limit != nil {
		s.limiter = rate.NewLimiter(rate.Limit(c.Limit.Rate), max(c.Limit.Burst, 1))
	}
	return s, nil
}

// Stats counts what a simulator did.
type Stats struct {
	// Received counts the initializations that arrived.
	Received uint64
	// Statuses counts the responses to them by HTTP status; 0 is for none.
	Statuses map[int]uint64
	// Steps counts the responses to the next steps of transactions, by action (read, device.select,
	// otp.check, cancel) and HTTP status.
	Steps map[string]map[int]uint64
}

// Stats returns what the simulator did so far.
func (s *Environment) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	stats := Stats{Received: s.received.Load(), Statuses: maps.Clone(s.counts),
		Steps: map[string]map[int]uint64{}}
	for action, counts := range s.steps {
		stats.Steps[action] = maps.Clone(counts)
	}
	return stats
}

type initialization struct {
	User, Policy struct {
		ID string `json:"id"`
	}
	SelectedDevice *struct {
		ID      string   `json:"id"`
		OneTime *oneTime `json:"oneTime"`
	} `json:"selectedDevice"`

	Application struct {
		ID string `json:"id"`
	} `json:"application"`
	MobilePayload string `json:"mobilePayload"`
	RP            struct {
		ID string `json:"id"`
	} `json:"rp"`

	userID string
	token  string
}

const maxRequest = 64 << 10

// ServeHTTP answers initializations, and reads of transactions.
func (s *Environment) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	if r.Method == "PRI" && s.WritesFrames() {
		s.serveFrames(w)
		return
	}
	if s.asksToken(r.URL.Path) {
		s.giveToken(w, r)
		return
	}
	env, id, ok := s.route(r.URL.Path)
	initializes := ok && r.Method == http.MethodPost && id == ""
	if initializes {
		s.received.Add(1)
	}
	a := s.newResponse()
	switch {
	case !ok:
		a.refuse(404, "NOT_FOUND", "The requested resource was not found.", "")
	case id != "" && actionOf(r) != "":
		s.later(a, r, env, id)
		s.bend(a)
	case !initializes:
		a.refuse(405, "INVALID_REQUEST", "The method is not supported.", "")
	default:
		s.initialize(a, r, env)
	}
	if initializes {
		s.bend(a)
	}
	if (initializes || a.later) && !s.delay(r, a.status == 429) || a.silent {
		s.count(a, r, 0)
		_, _ = io.Copy(io.Discard, r.Body) // else the server does not look whether the client is there
		<-r.Context().Done()
		return
	}
	if s.config.ServerTiming {
		took := float64(time.Since(began).Microseconds()) / 1000
		w.Header()["Server-Timing"] = []string{"total;dur=" + strconv.FormatFloat(took, 'f', 3, 64)}
	}
	s.write(w, r, a, initializes)
}

// route takes a path such as /{envID}/deviceAuthentications/{id} apart.
func (s *Environment) route(path string) (env, id string, ok bool) {
	if s.target.CustomDomain {
		path = "/" + s.target.EnvID + path
	}
	parts := strings.Split(strings.Trim(path, "/"), "/")
	if len(parts) < 2 || len(parts) > 3 || parts[1] != "deviceAuthentications" {
		return "", "", false
	}
	if len(parts) == 3 {
		id = parts[2]
	}
	return parts[0], id, true
}

func (s *Environment) newResponse() *simulatedResponse {
	id, correlation := s.newID(), s.newID()
	return &simulatedResponse{server: s, contentType: []string{"application/json"},
		correlation: correlation, ownID: quote(id), transaction: transaction{id: quote(id)}}
}

func (s *Environment) newID() string {
	var b [32]byte
	s.mu.Lock()
	for i := 0; i < 16; i += 8 {
		x := s.random.Uint64()
		for j := range 8 {
			b[i+j] = byte(x >> (8 * j))
		}
	}
	s.mu.Unlock()
	return formatID(b)
}

// initialize answers as the service would, before any fault.
func (s *Environment) initialize(a *simulatedResponse, r *http.Request, env string) {
	if !s.allowed(a, r, env) {
		return
	}
	req, ok := s.parse(a, r)
	if !ok {
		return
	}
	a.request = req
	u := s.users[strings.ToLower(req.userID)]
	if !s.mayUse(req.token, req.userID) {
		u = nil
	}
	if req.userID == "" {
		u = passkeys
	}
	switch {
	case u == nil:
		a.refuse(404, "NOT_FOUND", "The requested resource was not found.", "")
	case u.HTTPStatus != 0 && u.Error == "":
		a.gateway(u.HTTPStatus)
	case u.HTTPStatus != 0:
		a.refuse(u.HTTPStatus, u.Error, "The request could not be completed.", "")
		if u.HTTPStatus == 429 {
			a.retryAfter = "1"
		}
	default:
		s.transact(a, r, req, u)
	}
}

func (a *simulatedResponse) gateway(status int) {
	a.status, a.contentType = status, []string{"text/html"}
	a.raw = []byte("<html><body><h1>" + strconv.Itoa(status) + " " + http.StatusText(status) +
		"</h1></body></html>")
}

func (s *Environment) invalid(a *simulatedResponse, code, target, message string) {
	a.refuse(400, "INVALID_DATA",
		"The request could not be completed. One or more validation errors were in the request.",
		detail(code, target, message))
}

func (s *Environment) transact(a *simulatedResponse, r *http.Request, req *initialization, u *knownUser) {
	a.owner = u
	policy := cmp.Or(req.Policy.ID, s.policy)
	status := u.status
	for _, d := range u.devices {
		a.devices = append(a.devices, d.json)
	}
	if status == "OTP_REQUIRED" && len(u.devices) > 0 {
		a.selected = `{"id":"` + u.devices[0].id + `"}`
	}
	if sel := req.SelectedDevice; sel != nil {
		var ok bool
		if status, ok = s.choose(a, req, u); !ok {
			s.invalid(a, "INVALID_VALUE", "selectedDevice.id", "The user has no such device.")
			return
		}
	}
	now := time.Now()
	a.made = now
	a.status, a.state = 201, quote(status)
	// The service has one form of an ID, however a request writes it.
	env := strings.ToLower(s.target.EnvID)
	a.env, a.policy = quote(env), quote(strings.ToLower(policy))
	if req.userID != "" {
		a.user = quote(strings.ToLower(req.userID))
	}
	a.updatedAt, a.createdAt = stamp(now), stamp(now.Add(-s.aging()))
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	href := scheme + r.Host + "/" + env + "/deviceAuthentications/"
	if s.target.CustomDomain {
		href = scheme + r.Host + "/deviceAuthentications/"
	}
	a.links = linksFor(status, quote(href+strings.Trim(a.id, `"`)))
	a.extra = extraFor(status, req)
	s.extend(a, req)
}

// aging is how long before its last change a transaction was made: 10 to 200 ms,
// as in the documented examples.
func (s *Environment) aging() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Duration(10+s.random.IntN(191)) * time.Millisecond
}

func (s *Environment) choose(a *simulatedResponse, req *initialization, u *knownUser) (status string,
	ok bool) {
	if o := req.SelectedDevice.OneTime; o != nil {
		a.devices = []string{o.json()}
		a.selected = `{"oneTime":` + o.json() + `}`
		return "OTP_REQUIRED", true
	}
	for _, d := range u.devices {
		if strings.EqualFold(d.id, req.SelectedDevice.ID) {
			a.selected = `{"id":"` + d.id + `"}`
			return statusOf[d.kind], true
		}
	}
	return "", false
}

// count counts a response by its HTTP status; 0 is for none.
func (s *Environment) count(a *simulatedResponse, r *http.Request, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !a.later {
		s.counts[status]++
		return
	}
	action := actionOf(r)
	if s.steps[action] == nil {
		s.steps[action] = map[int]uint64{}
	}
	s.steps[action][status]++
}

func (s *Environment) write(w http.ResponseWriter, r *http.Request, a *simulatedResponse, initializes bool) {
	if a.reset {
		s.count(a, r, 0)
		reset(w)
		return
	}
	body := a.body()
	if initializes || a.later {
		s.count(a, r, a.status)
	}
	if initializes && a.success() {
		s.mu.Lock()
		s.recent.add(strings.Trim(a.id, `"`), &a.transaction)
		s.mu.Unlock()
	}
	h := w.Header()
	h["Content-Type"] = a.contentType
	if a.correlation != "" {
		h["Correlation-Id"] = []string{a.correlation}
	}
	if a.retryAfter != "" {
		h["Retry-After"] = []string{a.retryAfter}
	}
	if a.location != "" {
		h["Location"] = []string{a.location}
	}
	if a.encoding != "" {
		h["Content-Encoding"] = []string{a.encoding}
	}
	if a.link != nil {
		h["X-Debug"] = a.link
	}
	if f, ok := w.(*frameResponse); ok && a.frames != nil {
		f.send = a.frames
	}
	if a.wire != nil {
		pastServer(w, a.status, a.wire, string(body))
		return
	}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(a.status)
	if a.cut {
		_, _ = w.Write(body[:len(body)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write(body)
}

// ring holds the latest transactions by their ID.
type ring struct {
	ids  []string
	all  map[string]*transaction
	next int
}

func newRing(n int) ring { return ring{ids: make([]string, n), all: map[string]*transaction{}} }

func (r *ring) add(id string, t *transaction) {
	delete(r.all, r.ids[r.next])
	r.ids[r.next], r.all[id] = id, t
	r.next = (r.next + 1) % len(r.ids)
}

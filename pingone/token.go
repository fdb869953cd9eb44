package pingone

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"mfaload/contract"
	"mfaload/internal/disk"
	"mfaload/internal/redact"
	"mfaload/measure"
	"mfaload/pingone/transport"
	"mfaload/scenario"
)

type token struct {
	value   string
	line    string    // the header line
	expires time.Time // zero: not known
}

func newToken(value string, expires time.Time) *token {
	return &token{value, "Authorization: Bearer " + value + "\r\n", expires}
}

// tokens hands out the access token. Requests read a pointer; fetching and
// renewing happen next to them, one fetch at a time.
type tokens struct {
	// fetch gets a new token; nil where there is only the one.
	fetch func(context.Context) (*token, error)
	// next says when to fetch again after a token that came now.
	next func(t *token, now time.Time) time.Time

	current atomic.Pointer[token]

	mu     sync.Mutex
	known  []string // tokens that were in use, the last ones
	hidden redact.Secrets
	cancel context.CancelFunc
	done   chan struct{}
}

// Margins in time.
const (
	// expiryMargin is how long before it expires a token is used for the last time:
	// a request takes its way, and clocks differ. At most a twentieth of its life.
	expiryMargin = 10 * time.Second
	// retryMin is the pause after a fetch that failed; it doubles to retryMax.
	retryMin = time.Second
	retryMax = 30 * time.Second
	// fileInterval is how often a file with a token is read.
	fileInterval = time.Second
)

func newTokens(to *serviceAddress, t *transport.Transport, s *scenario.Target) *tokens {
	all := &tokens{}
	switch {
	case s.ClientCredentials != nil:
		all.fetch, all.next = newCredentials(to, t, s).fetch, renewal
	case s.AccessTokenFile != "":
		all.fetch = func(context.Context) (*token, error) { return readToken(s.AccessTokenFile) }
		all.next = func(_ *token, now time.Time) time.Time { return now.Add(fileInterval) }
	case !s.AccessToken.IsZero():
		all.use(newToken(s.AccessToken.Reveal(), time.Time{}))
	}
	return all
}

// firstWait is how long the start waits in all where the token endpoint asks to.
const firstWait = time.Minute

// renewal is when four fifths of a token's life are over, with some chance in
// it so that many runs do not ask at once.
func renewal(t *token, now time.Time) time.Time {
	life := min(max(t.expires.Sub(now), 0), maxLife)
	return now.Add(max(life*3/4+rand.N(life/10+1), retryMin))
}

func (t *tokens) use(fresh *token) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if old := t.current.Swap(fresh); old != nil && old.value == fresh.value {
		return
	}
	t.known = append(t.known, fresh.value)
	t.known = t.known[max(len(t.known)-8, 0):]
	t.hidden = redact.New(t.known...)
}

// begin gets the first token and keeps it fresh until close.
func (t *tokens) begin(ctx context.Context) error {
	now := t.current.Load()
	if now != nil {
		if err := checkExpiry(now.value); err != nil {
			return err
		}
	}
	if t.fetch == nil || now != nil {
		return nil
	}
	first, err := t.first(ctx)
	if err != nil {
		return err
	}
	t.use(first)
	ctx, t.cancel = context.WithCancel(context.WithoutCancel(ctx))
	t.done = make(chan struct{})
	go t.keep(ctx, first)
	return nil
}

// first fetches the first token. Where the endpoint asks to wait, and not for
// long, it waits.
func (t *tokens) first(ctx context.Context) (*token, error) {
	for waited := time.Duration(0); ; {
		fresh, err := t.fetch(ctx)
		wait := retryWait(err)
		if waited += wait; wait == 0 || waited > firstWait {
			return fresh, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(wait):
		}
	}
}

func retryWait(err error) time.Duration {
	var refused *tokenError
	if errors.As(err, &refused) {
		return refused.wait
	}
	return 0
}

func (t *tokens) keep(ctx context.Context, last *token) {
	defer close(t.done)
	at, pause := t.next(last, time.Now()), retryMin
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Until(at)):
		}
		fresh, err := t.fetch(ctx)
		now := time.Now()
		if err != nil {
			at, pause = now.Add(max(pause/2+rand.N(pause/2+1), retryWait(err))), min(2*pause, retryMax)
			continue
		}
		t.use(fresh)
		at, pause = t.next(fresh, now), retryMin
	}
}

func (t *tokens) close() {
	if t.cancel != nil {
		t.cancel()
		<-t.done
	}
}

func (t *tokens) secrets() redact.Secrets {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.hidden
}

var errNoToken = errors.New("the access token expired, and no new one could be fetched: nothing was sent")

// valid returns the token for a request of now; an error if that expired.
func (t *tokens) valid() (*token, error) {
	now := t.current.Load()
	switch {
	case now == nil:
		return &token{}, nil
	case !now.expires.IsZero() && !time.Now().Before(now.expires):
		return nil, &contract.Failure{Kind: measure.NoToken, Own: true, Err: errNoToken}
	}
	return now, nil
}

func readToken(file string) (*token, error) {
	text, err := disk.Read(file, disk.MaxCredentials)
	if err != nil {
		return nil, fmt.Errorf("read the access token: %w: fix target.accessTokenFile", disk.Cause(err))
	}
	value := strings.TrimSpace(string(text))
	if err := scenario.ParseToken(value); err != nil {
		return nil, fmt.Errorf("read the access token from %s: it %w", file, err)
	}
	if err := checkExpiry(value); err != nil {
		return nil, fmt.Errorf("read the access token from %s: %w", file, err)
	}
	return newToken(value, time.Time{}), nil
}

// checkExpiry says that a token is over by what it says itself. From then on only
// the service says whether it is good.
func checkExpiry(value string) error {
	if at, known := expiry(value); known && time.Now().After(at) {
		return fmt.Errorf("the access token expired at %s: get a new one, or write clientCredentials in "+
			"place of it", at.Format(time.RFC3339))
	}
	return nil
}

// TokenEnds is when the token that a scenario starts with ends, where nothing of
// mfaload's renews it and it says so itself.
func TokenEnds(t *scenario.Target) (at time.Time, known bool) {
	switch {
	case t.AccessTokenFile != "":
		read, err := readToken(t.AccessTokenFile)
		if err != nil {
			return at, false
		}
		return expiry(read.value)
	case t.ClientCredentials == nil:
		return expiry(t.AccessToken.Reveal())
	}
	return at, false
}

// expiry is when a token says that it expires, where it is a JSON Web Token
// (RFC 7519) with such a claim. What it says is not verified.
func expiry(value string) (at time.Time, known bool) {
	parts := strings.Split(value, ".")
	if len(parts) != 3 {
		return at, false
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct {
		Exp float64 `json:"exp"`
	}
	if err != nil || json.Unmarshal(text, &claims) != nil || claims.Exp <= 0 || claims.Exp > 1e11 {
		return at, false
	}
	return time.Unix(int64(claims.Exp), 0).UTC(), true
}

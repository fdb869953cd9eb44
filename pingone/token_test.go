package pingone

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"mfaload/contract"
	"mfaload/measure"
)

// tokenEndpoint is a token endpoint on the virtual clock.
type tokenEndpoint struct {
	lives   time.Duration
	down    func(since time.Duration) bool
	start   time.Time
	fetches []time.Duration
	running int
	failed  int
}

func (e *tokenEndpoint) fetch(context.Context) (*token, error) {
	e.running++
	defer func() { e.running-- }()
	since := time.Since(e.start)
	e.fetches = append(e.fetches, since)
	time.Sleep(300 * time.Millisecond)
	if e.running > 1 {
		return nil, errors.New("two at a time")
	}
	if e.down != nil && e.down(since) {
		e.failed++
		return nil, errors.New("down")
	}
	return newToken(fmt.Sprint("token-", len(e.fetches)), time.Now().Add(e.lives)), nil
}

// watch asks for the token every second and says when there was none.
func (e *tokenEndpoint) watch(t *testing.T, d time.Duration) (none []time.Duration, all *tokens) {
	t.Helper()
	e.start = time.Now()
	all = &tokens{fetch: e.fetch, next: renewal}
	if err := all.begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range int(d / time.Second) {
		time.Sleep(time.Second)
		now, err := all.valid()
		switch {
		case err != nil:
			none = append(none, time.Since(e.start))
		case !time.Now().Before(now.expires):
			t.Errorf("an expired token is handed out after %v", time.Since(e.start))
		}
	}
	all.close()
	return none, all
}

func TestTokensAreRenewedAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &tokenEndpoint{lives: time.Hour}
		none, all := e.watch(t, 10*time.Hour)
		if len(none) > 0 || len(e.fetches) < 11 || len(e.fetches) > 14 {
			t.Errorf("%d fetches in ten hours, no token at %v", len(e.fetches), none)
		}
		for i := 1; i < len(e.fetches); i++ {
			if gap := e.fetches[i] - e.fetches[i-1]; gap < 44*time.Minute || gap > 52*time.Minute {
				t.Errorf("renewed after %v", gap)
			}
		}
		if text := all.secrets().Hide("a token-1 b " + all.current.Load().value); len(all.known) > 8 ||
			text != "a token-1 b ***" {
			t.Errorf("hidden: %s; known %d", text, len(all.known))
		}
	})
}

// An endpoint that is down for longer than the token lives: nothing is sent
// with an expired one, it is asked again with growing pauses, and all is well
// when it is back.
func TestTokenEndpointIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &tokenEndpoint{lives: 10 * time.Minute, down: func(since time.Duration) bool {
			return since > 5*time.Minute && since < 20*time.Minute
		}}
		none, _ := e.watch(t, 30*time.Minute)
		if len(none) < 9*60 || none[0] < 10*time.Minute || none[len(none)-1] > 20*time.Minute+31*time.Second {
			t.Errorf("no token %d times", len(none))
		}
		if e.failed < 15 || e.failed > 60 {
			t.Errorf("%d attempts failed", e.failed)
		}
	})
}

// A request for which there is no valid token is not sent, for a reason of mfaload's own.
func TestExpiredTokenIsAnOwnLimit(t *testing.T) {
	all := &tokens{}
	all.use(newToken("expired", time.Now().Add(-time.Second)))
	_, err := all.valid()
	var f *contract.Failure
	if !errors.As(err, &f) || !f.Own || f.Kind != measure.NoToken {
		t.Errorf("%v", err)
	}
}

func TestNoFirstToken(t *testing.T) {
	all := &tokens{fetch: func(context.Context) (*token, error) { return nil, errors.New("refused") }}
	if err := all.begin(t.Context()); err == nil || all.done != nil {
		t.Errorf("it begins: %v", err)
	}
	all.close()
}

func TestTokenFileIsReadAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("one\n")
	synctest.Test(t, func(t *testing.T) {
		failed := 0
		fetch := func(context.Context) (*token, error) {
			fresh, err := readToken(file)
			if err != nil {
				failed++
			}
			return fresh, err
		}
		all := &tokens{fetch: fetch, next: func(_ *token, now time.Time) time.Time {
			return now.Add(fileInterval)
		}}
		if err := all.begin(t.Context()); err != nil {
			t.Fatal(err)
		}
		value := func() string {
			time.Sleep(40 * time.Second)
			now, err := all.valid()
			if err != nil {
				t.Fatal(err)
			}
			return now.value
		}
		first := value()
		write("two")
		second := value()
		write("not a token") // as when it is being written
		third := value()
		all.close()
		if first != "one" || second != "two" || third != "two" || failed == 0 {
			t.Errorf("%s, %s, %s, %d failures", first, second, third, failed)
		}
	})
}

func TestExpiry(t *testing.T) {
	jwt := func(claims string) string {
		return "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".sig"
	}
	at, known := expiry(jwt(`{"exp": 1700000000}`))
	if !known || at.Unix() != 1700000000 {
		t.Errorf("%v, %v", at, known)
	}
	for _, text := range []string{"", "opaque", "a.b.c", jwt(`{}`), jwt(`{"exp": "x"}`), jwt(`{"exp": -1}`),
		jwt(`{"exp": 1e300}`)} {
		if at, known := expiry(text); known {
			t.Errorf("%q expires at %v", text, at)
		}
	}
	all := &tokens{}
	all.use(newToken(jwt(`{"exp": 1700000000}`), time.Time{}))
	if err := all.begin(t.Context()); err == nil {
		t.Error("a run begins with a token that has expired")
	}
}

func FuzzExpiry(f *testing.F) {
	f.Add("e30.eyJleHAiOjF9.x")
	f.Add("..")
	f.Fuzz(func(t *testing.T, value string) {
		if at, known := expiry(value); known && at.Unix() <= 0 && at.Unix() < -1 {
			t.Errorf("it expires at %v", at)
		}
	})
}

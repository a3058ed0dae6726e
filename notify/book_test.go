package notify

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestFiresOnceAndResolves(t *testing.T) {
	r := appRule("cap", "^a$", Above, 1000, 10*time.Second)
	r.Notify = []string{"ops"}
	inBubble(t, Options{Host: "gw", Rules: []Rule{r}}, func(h *household) {
		h.rates["a"], h.rates["b"] = 900, 5000
		h.seconds(20)
		h.rates["a"] = 1800
		h.seconds(1)
		h.wantSaid() // 9 s of 900 and one of 1800 are 990
		h.wantAlerts()
		h.seconds(21)
		h.wantSaid("22 cap a firing 1")
		h.wantAlerts("cap a firing")
		delete(h.rates, "a") // gone is zero
		h.seconds(4)
		h.wantSaid()
		h.seconds(1)
		h.wantSaid("47 cap a resolved 1")
		h.wantAlerts()
		if got := SnapshotAlerts([]Alert{h.events[0].Alert}); len(got) != 1 || got[0].State != "firing" || got[0].Subject != "a" {
			t.Errorf("in a snapshot: %v", got)
		}
		if got := h.book.Deliveries("cap"); len(got) != 1 || got[0] != "ops" || h.book.Deliveries("x") != nil {
			t.Errorf("deliveries: %v", got)
		}
		fired, resolved := h.events[0].Alert, h.events[1].Alert
		if fired.ID == "" || fired.ID != resolved.ID || !fired.Since.Equal(resolved.Since) || !fired.Since.Equal(fired.At) {
			t.Errorf("fired as %+v, resolved as %+v", fired, resolved)
		}
		want := Alert{
			ID: fired.ID, Host: "gw", Rule: "cap", Kind: "app", Subject: "a", App: "a", State: StateFiring,
			Direction: "rx", Condition: "above", Value: 1080, Threshold: 1000, Window: 10,
			Since: fired.Since, At: fired.Since, Count: 1,
		}
		if diff := cmp.Diff(want, fired); diff != "" {
			t.Errorf("alert (-want +got):\n%s", diff)
		}
	})
}

// TestWindowHasToBeFull: what is too little for a rule below is told once a whole
// window was seen, also of an app that is new.
func TestWindowHasToBeFull(t *testing.T) {
	r := appRule("floor", "", Below, 1000, 5*time.Second)
	inBubble(t, Options{Rules: []Rule{r}}, func(h *household) {
		h.rates["a"] = 10
		h.seconds(5)
		h.wantSaid()
		h.seconds(1)
		h.wantSaid("6 floor a firing 1")
		h.rates["a"], h.rates["b"] = 2000, 10
		h.seconds(4)
		h.said = nil
		h.seconds(5)
		h.wantSaid("11 floor b firing 1")
	})
}

func TestHysteresisAndEquals(t *testing.T) {
	above := appRule("above", "", Above, 1000, time.Second)
	above.Clear = 500
	below := appRule("below", "", Below, 300, time.Second)
	below.Clear = 400
	equals := appRule("equals", "", Equals, 700, time.Second)
	inBubble(t, Options{Rules: []Rule{above, below, equals}}, func(h *household) {
		for _, rate := range []float64{600, 1000, 1001, 999, 501, 500, 501, 299, 399, 400, 299.9, 706, 708} {
			h.rates["a"] = rate
			h.seconds(1)
		}
		h.wantSaid(
			"3 above a firing 1", "6 above a resolved 1", "8 below a firing 1", "10 below a resolved 1",
			"12 equals a firing 1", "13 equals a resolved 1")
	})
}

func TestRepeat(t *testing.T) {
	once, again := appRule("once", "", Above, 10, time.Second), appRule("again", "", Above, 10, time.Second)
	again.Repeat = time.Minute
	inBubble(t, Options{Rules: []Rule{again, once}}, func(h *household) {
		h.rates["a"] = 100
		h.seconds(150)
		h.wantSaid("2 again a firing 1", "2 once a firing 1", "62 again a firing 2", "122 again a firing 3")
		h.rates["a"] = 0
		h.seconds(1)
		h.wantSaid("151 again a resolved 3", "151 once a resolved 1")
	})
}

func TestConsecutiveWindows(t *testing.T) {
	r := appRule("thrice", "", Above, 100, 4*time.Second)
	r.Consecutive = 3
	inBubble(t, Options{Rules: []Rule{r}}, func(h *household) {
		h.rates["a"] = 200
		h.seconds(5)
		h.wantAlerts("thrice a pending")
		h.seconds(7)
		h.wantSaid()
		h.seconds(1)
		h.wantSaid("13 thrice a firing 1")
		h.rates["a"] = 0
		h.seconds(4)
		h.wantSaid("15 thrice a resolved 1")
		h.rates["a"] = 1000 // for one window, which 100 is exceeded in four
		h.seconds(1)
		h.rates["a"] = 0
		h.seconds(20)
		h.wantSaid()
		h.wantAlerts()
	})
}

func TestHours(t *testing.T) {
	r := appRule("vpn", "", Below, 1000, time.Minute)
	var err error
	if r.Hours, err = ParseSchedule("Mon-Fri 08:00-18:00", berlin(t)); err != nil {
		t.Fatal(err)
	}
	inBubble(t, Options{Rules: []Rule{r}}, func(h *household) {
		h.at = time.Date(2026, 1, 5, 6, 55, 0, 0, time.UTC) // 07:55 in Berlin
		h.rates["a"] = 10
		h.seconds(5 * 60)
		h.wantAlerts()
		h.seconds(59) // the window lies in the hours as a whole
		h.wantAlerts()
		h.seconds(1)
		h.wantSaid("360 vpn a firing 1")
		for range 10*60 - 2 {
			h.tick(time.Minute)
		}
		h.wantAlerts("vpn a firing")
		h.tick(time.Minute)
		h.wantSaid("959 vpn a resolved 1")
		h.tick(time.Minute)
		h.wantAlerts()
	})
}

func TestSilence(t *testing.T) {
	r := appRule("cap", "", Above, 10, time.Second)
	r.Repeat = 10 * time.Second
	inBubble(t, Options{Rules: []Rule{r}}, func(h *household) {
		if err := h.book.Silence(Silence{Rule: "none"}); err == nil {
			t.Error("silenced a rule that there is not")
		}
		h.rates["a"], h.rates["b"] = 100, 100
		h.seconds(2)
		h.wantSaid("2 cap a firing 1", "2 cap b firing 1")
		if err := h.book.Silence(Silence{"cap", "a", h.at.Add(15 * time.Second)}); err != nil {
			t.Fatal(err)
		}
		h.rates["c"] = 100
		h.seconds(14)
		h.wantSaid("3 cap c firing 1", "12 cap b firing 2", "13 cap c firing 2")
		h.wantAlerts("cap a firing", "cap b firing", "cap c firing")
		h.seconds(1)
		h.wantSaid("17 cap a firing 2")
		h.book.Silence(Silence{"cap", "", h.at.Add(time.Hour)})
		h.rates["d"], h.rates["a"] = 100, 0
		h.seconds(2)
		h.wantSaid("18 cap a resolved 2") // who was told is told; d is not
		if got := h.book.Silences(); len(got) != 1 || got[0].Rule != "cap" || got[0].Subject != "" {
			t.Errorf("silences: %v", got)
		}
		h.book.Silence(Silence{Rule: "cap"}) // no longer
		h.rates["b"], h.rates["c"] = 0, 0
		h.seconds(1)
		h.wantSaid("20 cap b resolved 2", "20 cap c resolved 2", "20 cap d firing 1")
		if got := h.book.Silences(); len(got) != 0 {
			t.Errorf("silences: %v", got)
		}
	})
}

func TestCalendarJumps(t *testing.T) {
	r := appRule("cap", "", Above, 1000, 10*time.Second)
	low := appRule("low", "", Below, 800, 10*time.Second)
	inBubble(t, Options{Rules: []Rule{r, low}}, func(h *household) {
		h.rates["a"] = 900
		for _, jump := range []time.Duration{0, time.Hour, -24 * time.Hour, 20 * 365 * 24 * time.Hour, -time.Second, 500 * time.Millisecond} {
			h.at = h.at.Add(jump)
			h.seconds(30)
		}
		h.wantSaid()
	})
}

// TestConstantRateProperty: a constant rate above the threshold fires within the
// window and a tick, exactly once, and resolves within the same after it stops;
// a rate below never fires. Whatever the ticks, window and rate, and however
// reports fall between ticks.
func TestConstantRateProperty(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 1))
		window := time.Duration(1+random.IntN(90)) * time.Second
		tick := time.Duration(200+random.IntN(1000)) * time.Millisecond
		threshold := float64(1000 + random.IntN(1_000_000))
		over := random.IntN(2) == 0
		rate := threshold * (0.1 + 0.85*random.Float64())
		if over {
			rate = threshold * (1.05 + 10*random.Float64())
		}
		r := appRule("cap", "", Above, threshold, window)
		inBubble(t, Options{Rules: []Rule{r}}, func(h *household) {
			h.rates["idle"] = 0
			h.tick(tick)
			h.rates["a"] = rate
			started := time.Now()
			for time.Since(started) < 3*window {
				h.tick(tick + time.Duration(random.IntN(int(tick/5))))
				late := time.Since(started) > window+tick*6/5
				if over && late && len(h.said) == 0 {
					t.Fatalf("seed %d: not fired after %v, window %v, tick %v", seed, time.Since(started), window, tick)
				}
			}
			if n := len(h.said); over && n != 1 || !over && n != 0 {
				t.Errorf("seed %d: rate %v, threshold %v: %q", seed, rate, threshold, h.said)
			}
			h.rates["a"] = 0
			stopped := time.Now()
			for time.Since(stopped) < window+tick*6/5 {
				h.tick(tick)
			}
			if n := len(h.said); over && n != 2 || !over && n != 0 {
				t.Errorf("seed %d: stopped, and %q", seed, h.said)
			}
		})
	}
}

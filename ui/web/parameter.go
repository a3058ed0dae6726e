package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// parametersOf reads those of a question. It refuses what cannot be read, what means
// nothing, and what is given twice.
func parametersOf(r *http.Request, known ...string) (url.Values, error) {
	q, err := readParameters(r)
	if err != nil {
		return nil, err
	}
	for name, values := range q {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("there is no parameter %q; there are: %q", name, known)
		}
		if len(values) > 1 {
			return nil, fmt.Errorf("%s: given %d times, want one", name, len(values))
		}
	}
	return q, nil
}

// readParameters takes all, whatever they mean.
func readParameters(r *http.Request) (url.Values, error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		err = fmt.Errorf("the parameters cannot be read: want name=value, with & in between, and %% and ; encoded: %w", err)
	}
	return q, err
}

const day = 24 * time.Hour

// parseSpan reads a time such as 90m, 24h, 1.5d, 2w or 1y, which is not negative. Days
// have 24 hours, and years 366 days.
func parseSpan(text string) (time.Duration, error) {
	text = strings.TrimSpace(text)
	for _, u := range []struct {
		suffix string
		length time.Duration
	}{{"d", day}, {"w", 7 * day}, {"y", 366 * day}} {
		number, ok := strings.CutSuffix(text, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		span := n * float64(u.length)
		if err != nil || !(span >= 0 && span <= float64(200*366*day)) { // not a NaN, either
			return 0, errNoSpan(text)
		}
		return time.Duration(span), nil
	}
	span, err := time.ParseDuration(text)
	if err != nil || span < 0 {
		return 0, errNoSpan(text)
	}
	return span, nil
}

func errNoSpan(text string) error {
	return fmt.Errorf("want a time like 90m, 24h, 1.5d, 2w or 1y, got %q", text)
}

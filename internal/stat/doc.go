// Package stat has the statistics that verdicts are made with. It knows nothing
// of load tests: what depends on what, and which figures decide, its callers say.
//
// A probability is from 0 to 1, and a tail one-sided unless it says otherwise. Nothing here keeps
// state: what is drawn comes from the generator that the caller seeds, or from a fixed seed, so
// that the same values give the same result.
//
// Distributions are right to a relative 1e-9 for 1 to 1e6 degrees of freedom, and
// all tails from 0.5 down to 1e-300: a test holds them to tables of that range.
package stat

package stat

import "math"

// Fit is a sum of up to three terms, fitted by least squares.
type Fit struct {
	Coefficients [3]float64
	// Covariance is that of the coefficients; 0 of those that are left out.
	Covariance [3][3]float64
	// Squares is the sum of the squared residuals.
	Squares float64
	// Freedom is how many more values than coefficients there are, and at least 1.
	Freedom float64
}

// LeastSquares fits y by the terms that are used; false where the terms are as good as linearly
// dependent.
func LeastSquares(terms [][3]float64, y []float64, use [3]bool) (f Fit, ok bool) {
	var normal [3][3]float64
	var right [3]float64
	used := 0
	for i, is := range use {
		if !is {
			normal[i][i] = 1 // alone: its coefficient is 0
			continue
		}
		used++
		for n, x := range terms {
			right[i] += x[i] * y[n]
			for j := range x {
				if use[j] {
					normal[i][j] += x[i] * x[j]
				}
			}
		}
	}
	inverse, ok := invert(normal)
	if !ok {
		return f, false
	}
	for i := range inverse {
		for j := range inverse {
			f.Coefficients[i] += inverse[i][j] * right[j]
		}
	}
	for n, x := range terms {
		residual := f.At(x) - y[n]
		f.Squares += residual * residual
	}
	f.Freedom = float64(max(len(y)-used, 1))
	for i := range inverse {
		for j := range inverse {
			if use[i] && use[j] {
				f.Covariance[i][j] = inverse[i][j] * f.Squares / f.Freedom
			}
		}
	}
	return f, true
}

// At is what was fitted, at a place with these terms.
func (f *Fit) At(terms [3]float64) (sum float64) {
	for i, x := range terms {
		sum += f.Coefficients[i] * x
	}
	return sum
}

// DeviationAt is the standard deviation of [Fit.At].
func (f *Fit) DeviationAt(terms [3]float64) float64 {
	variance := 0.0
	for i := range terms {
		for j := range terms {
			variance += terms[i] * terms[j] * f.Covariance[i][j]
		}
	}
	return math.Sqrt(max(variance, 0))
}

// dependent is how much of a term the others leave over at least, of its square.
const dependent = 1e-12

// invert inverts a symmetric matrix with a positive diagonal in closed form; false where
// it is singular. It is scaled to a diagonal of ones first.
func invert(a [3][3]float64) (inverse [3][3]float64, ok bool) {
	var scale [3]float64
	for i := range scale {
		scale[i] = 1 / math.Sqrt(a[i][i])
	}
	x, y, z := a[0][1]*scale[0]*scale[1], a[0][2]*scale[0]*scale[2], a[1][2]*scale[1]*scale[2]
	minor := 1 - x*x
	det := minor - y*y - z*z + 2*x*y*z
	if !(minor > dependent && det > dependent*minor) {
		return inverse, false
	}
	adjugate := [3][3]float64{
		{1 - z*z, y*z - x, x*z - y},
		{y*z - x, 1 - y*y, x*y - z},
		{x*z - y, x*y - z, minor},
	}
	for i := range adjugate {
		for j := range adjugate {
			inverse[i][j] = adjugate[i][j] / det * scale[i] * scale[j]
		}
	}
	return inverse, true
}

// Residuals are what a polynomial of x of a degree, fitted by least squares, leaves of y; one
// of a lower degree if x has too few values.
func Residuals(y, x []float64, degree int) []float64 {
	rest, middle, scale := make([]float64, len(y)), Mean(x), Deviation(x)
	copy(rest, y)
	last, now := make([]float64, len(x)), make([]float64, len(x))
	for i := range now {
		now[i] = 1
	}
	for lastSquares := 1.0; degree >= 0; degree-- { // orthogonal polynomials, by Stieltjes's recursion
		var squares, moment, along float64
		for i, p := range now {
			squares += p * p
			moment += Ratio(x[i]-middle, scale) * p * p
			along += rest[i] * p
		}
		if squares < 1e-9*float64(len(x)) {
			break
		}
		for i, p := range now {
			rest[i] -= along / squares * p
			now[i] = (Ratio(x[i]-middle, scale)-moment/squares)*p - squares/lastSquares*last[i]
			last[i] = p
		}
		lastSquares = squares
	}
	return rest
}

package compare

import "math"

// studentTail is the probability that a variable with Student's distribution
// is above t, for t at least 0 and freedom above 0.
func studentTail(t, freedom float64) float64 {
	if math.IsInf(t, 1) {
		return 0
	}
	return incompleteBeta(freedom/2, 0.5, freedom/(freedom+t*t)) / 2
}

// studentQuantile is the value that a variable with Student's distribution
// exceeds with probability tail, which is below 0.5.
func studentQuantile(tail, freedom float64) float64 {
	low, high := 0.0, 1.0
	for studentTail(high, freedom) > tail {
		high *= 2
	}
	for range 100 {
		middle := (low + high) / 2
		if studentTail(middle, freedom) > tail {
			low = middle
		} else {
			high = middle
		}
	}
	return high
}

// normalQuantile is the value that a normal variable exceeds with probability
// tail.
func normalQuantile(tail float64) float64 { return math.Sqrt2 * math.Erfinv(1-2*tail) }

// incompleteBeta is the regularized incomplete beta function, by its continued
// fraction and Lentz's method.
func incompleteBeta(a, b, x float64) float64 {
	if x <= 0 {
		return 0
	}
	if x >= 1 {
		return 1
	}
	if x > (a+1)/(a+b+2) {
		return 1 - lowerBeta(b, a, 1-x)
	}
	return lowerBeta(a, b, x)
}

// lowerBeta is it where the fraction converges fast: left of the mean, about.
func lowerBeta(a, b, x float64) float64 {
	la, _ := math.Lgamma(a)
	lb, _ := math.Lgamma(b)
	lab, _ := math.Lgamma(a + b)
	front := math.Exp(lab-la-lb+a*math.Log(x)+b*math.Log1p(-x)) / a
	return front * betaFraction(a, b, x)
}

func betaFraction(a, b, x float64) float64 {
	const tiny = 1e-300
	clamp := func(v float64) float64 {
		if math.Abs(v) < tiny {
			return tiny
		}
		return v
	}
	c, d := 1.0, 1/clamp(1-(a+b)*x/(a+1))
	f := d
	for m := 1.0; m < 500; m++ {
		even := m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		d, c = 1/clamp(1+even*d), clamp(1+even/c)
		f *= d * c
		odd := -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))
		d, c = 1/clamp(1+odd*d), clamp(1+odd/c)
		f *= d * c
		if math.Abs(d*c-1) < 1e-15 {
			break
		}
	}
	return f
}

//! Eigenvalues of small symmetric matrices on the host.

use super::simd::{Kernel, Lanes, SimdLevel};

/// Eigenvalues of the symmetric `matrix`, `[n, n]`, in no order: Householder reflections to tridiagonal form, then implicit
/// QL steps (Bowdler, Martin, Reinsch and Wilkinson, Numer. Math. 11 (1968)). The error of each is of the size of rounding
/// times the largest. All are NaN if an element is not finite.
///
/// # Panics
/// If `matrix` has not `n * n` elements.
pub fn symmetric_eigenvalues(mut matrix: Vec<f64>, n: usize) -> Vec<f64> {
    assert_eq!(matrix.len(), n * n, "a square matrix");
    if n == 0 {
        return Vec::new();
    }
    if !matrix.iter().all(|x| x.is_finite()) {
        return vec![f64::NAN; n];
    }
    let largest = matrix.iter().fold(0.0_f64, |largest, x| largest.max(x.abs()));
    if largest <= 0.0 {
        return vec![0.0; n];
    }
    matrix.iter_mut().for_each(|x| *x /= largest);
    let [mut diagonal, mut beside] =
        SimdLevel::detect().run(Tridiagonalise { matrix: &mut matrix, n });
    ql(&mut diagonal, &mut beside);
    diagonal.iter_mut().for_each(|x| *x *= largest);
    diagonal
}

/// Reduces a symmetric matrix, of which it reads the lower triangle, to tridiagonal form. Returns its diagonal and the elements beside it, with a zero at the end.
///
/// Plain code, which the compiler vectorises for each instruction set.
struct Tridiagonalise<'a> {
    matrix: &'a mut [f64],
    n: usize,
}

impl Kernel for Tridiagonalise<'_> {
    type Output = [Vec<f64>; 2];

    #[inline(always)]
    unsafe fn run<V: Lanes>(self) -> [Vec<f64>; 2] {
        let Self { matrix, n } = self;
        let (mut diagonal, mut beside) = (vec![0.0; n], vec![0.0; n]);
        let (mut v, mut w) = (vec![0.0; n], vec![0.0; n]);
        for k in 0..n {
            diagonal[k] = matrix[k * n + k];
            if k + 1 == n {
                continue;
            }
            for (v, row) in v[k + 1..].iter_mut().zip(matrix.chunks(n).skip(k + 1)) {
                *v = row[k];
            }
            let v = &mut v[k + 1..];
            let first = v[0];
            let rest = dot(&v[1..], &v[1..]);
            if rest <= 0.0 {
                beside[k] = first;
                continue;
            }
            // The reflection along `v` maps the rest of the column to its first element.
            let norm = (first * first + rest).sqrt();
            let mapped = if first > 0.0 { -norm } else { norm };
            v[0] -= mapped;
            beside[k] = mapped;
            let factor = 2.0 / (v[0] * v[0] + rest);
            let w = &mut w[k + 1..];
            w.fill(0.0);
            for (i, row) in matrix.chunks(n).skip(k + 1).enumerate() {
                let (row, diagonal) = (&row[k + 1..k + 1 + i], row[k + 1 + i]);
                let vi = v[i];
                let sum = dot(row, &v[..i]) + diagonal * vi;
                w.iter_mut().zip(row).for_each(|(w, x)| *w += vi * x);
                w[i] += sum;
            }
            w.iter_mut().for_each(|w| *w *= factor);
            let share = 0.5 * factor * dot(v, w);
            w.iter_mut().zip(&*v).for_each(|(w, v)| *w -= share * v);
            for (i, row) in matrix.chunks_mut(n).skip(k + 1).enumerate() {
                let (vi, wi) = (v[i], w[i]);
                for ((x, &v), &w) in row[k + 1..=k + 1 + i].iter_mut().zip(&*v).zip(&*w) {
                    *x -= vi * w + wi * v;
                }
            }
        }
        [diagonal, beside]
    }
}

/// Dot product in eight partial sums.
#[inline(always)]
fn dot(a: &[f64], b: &[f64]) -> f64 {
    const LANES: usize = 8;
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut parts = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            parts[lane] += a[lane] * b[lane];
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    parts.iter().sum::<f64>() + rest
}

/// Replaces the diagonal of a tridiagonal matrix by its eigenvalues.
fn ql(diagonal: &mut [f64], beside: &mut [f64]) {
    let n = diagonal.len();
    for first in 0..n {
        loop {
            let is_small = |&m: &usize| {
                m + 1 == n
                    || beside[m].abs() <= f64::EPSILON * (diagonal[m].abs() + diagonal[m + 1].abs())
            };
            let last = (first..n).find(is_small).unwrap_or(n - 1);
            if last == first {
                break;
            }
            ql_step(&mut diagonal[first..=last], &mut beside[first..=last]);
        }
    }
}

/// `sqrt(a^2 + b^2)`. The elements of [`symmetric_eigenvalues`] are at most 1, so that nothing overflows; what underflows is
/// far below their rounding.
fn length(a: f64, b: f64) -> f64 {
    (a * a + b * b).sqrt()
}

/// One implicit QL step on a block without small elements beside its diagonal.
fn ql_step(diagonal: &mut [f64], beside: &mut [f64]) {
    let last = diagonal.len() - 1;
    // Wilkinson's shift.
    let half = (diagonal[1] - diagonal[0]) / (2.0 * beside[0]);
    let shift = diagonal[0] - beside[0] / (half + length(half, 1.0).copysign(half));
    let (mut g, mut sine, mut cosine, mut p) = (diagonal[last] - shift, 1.0, 1.0, 0.0);
    for i in (0..last).rev() {
        let (f, b) = (sine * beside[i], cosine * beside[i]);
        let r = length(f, g);
        beside[i + 1] = r;
        if r <= 0.0 {
            // The block splits here.
            diagonal[i + 1] -= p;
            beside[last] = 0.0;
            return;
        }
        (sine, cosine) = (f / r, g / r);
        g = diagonal[i + 1] - p;
        let turned = (diagonal[i] - g) * sine + 2.0 * cosine * b;
        p = sine * turned;
        diagonal[i + 1] = g + p;
        g = cosine * turned - b;
    }
    diagonal[0] -= p;
    beside[0] = g;
    beside[last] = 0.0;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(matrix: &[f64], expected: &[f64]) {
        let n = expected.len();
        let mut found = symmetric_eigenvalues(matrix.to_vec(), n);
        found.sort_by(f64::total_cmp);
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-13 * n as f64, "{found} {expected}");
        }
    }

    #[test]
    fn small_matrices_have_known_eigenvalues() {
        check(&[], &[]);
        check(&[3.0], &[3.0]);
        check(&[2.0, 1.0, 1.0, 2.0], &[1.0, 3.0]);
        check(&[4.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 2.0], &[-1.0, 2.0, 4.0]);
        // The matrix of second differences.
        let n = 40;
        let at = |i: usize, j: usize| match i.abs_diff(j) {
            0 => 2.0,
            1 => -1.0,
            _ => 0.0,
        };
        let matrix: Vec<f64> = (0..n * n).map(|place| at(place / n, place % n)).collect();
        let angle = |k: usize| std::f64::consts::PI * k as f64 / (n + 1) as f64;
        let expected: Vec<f64> = (1..=n).map(|k| 2.0 - 2.0 * angle(k).cos()).collect();
        check(&matrix, &expected);
    }

    #[test]
    fn powers_of_random_matrices_have_the_sums_of_powers() {
        let n = 61;
        let number = |i: usize, j: usize| {
            let (low, high) = (i.min(j) as f64, i.max(j) as f64);
            (12.9898 * low + 78.233 * high).sin()
        };
        let matrix: Vec<f64> = (0..n * n).map(|place| number(place / n, place % n)).collect();
        let eigenvalues = symmetric_eigenvalues(matrix.clone(), n);
        let trace: f64 = (0..n).map(|i| matrix[i * n + i]).sum();
        let squares: f64 = matrix.iter().map(|x| x * x).sum();
        assert!((eigenvalues.iter().sum::<f64>() - trace).abs() < 1e-11);
        let found: f64 = eigenvalues.iter().map(|x| x * x).sum();
        assert!((found / squares - 1.0).abs() < 1e-13);
    }

    #[test]
    fn equal_and_zero_eigenvalues_end() {
        let n = 30;
        assert!(symmetric_eigenvalues(vec![0.0; n * n], n).iter().all(|x| x.abs() <= 0.0));
        let mut found = symmetric_eigenvalues(vec![1.0; n * n], n);
        found.sort_by(f64::total_cmp);
        assert!((found[n - 1] - n as f64).abs() < 1e-12 && found[n - 2].abs() < 1e-12);
    }

    #[test]
    fn what_is_not_finite_has_none() {
        for wrong in [f64::NAN, f64::INFINITY] {
            let found = symmetric_eigenvalues(vec![1.0, wrong, wrong, 1.0], 2);
            assert!(found.len() == 2 && found.iter().all(|x| x.is_nan()), "{found:?}");
        }
    }
}

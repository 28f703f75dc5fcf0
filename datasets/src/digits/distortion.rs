//! Random distortion of stroke templates that imitates the variation of handwriting.

use std::f32::consts::{PI, TAU};

use super::glyphs::{Knot, Stroke};
use crate::rng::Stream;

/// Longest side of the digit in pixels before its size varies; MNIST also scales its digits to 20.
const BOX: f32 = 20.0;
/// Number of line segments between two knots.
const SEGMENTS: usize = 7;

/// Point of a line: position and half the line width, in pixels.
#[derive(Clone, Copy)]
pub(super) struct Dot {
    pub(super) x: f32,
    pub(super) y: f32,
    pub(super) radius: f32,
}

/// Distorts `strokes` with parameters drawn from `random`; returns lines around the origin, in pixels.
pub(super) fn distort(strokes: &[Stroke], random: &mut Stream) -> Vec<Vec<Dot>> {
    let hand = Distortion::draw(random);
    let mut lines: Vec<Vec<Dot>> =
        strokes.iter().map(|stroke| hand.trace(stroke, random)).collect();
    hand.fit(&mut lines);
    lines
}

/// Distortion parameters shared by all strokes of one digit.
struct Distortion {
    /// Images of the unit vectors: a rotation after a shear after a stretch.
    matrix: [[f32; 2]; 2],
    /// Standard deviation of the independent displacement of each knot, in heights.
    jitter: f32,
    /// Slow horizontal and vertical wave: amplitude in heights, phase.
    wave: [(f32, f32); 2],
    /// Longest side in pixels.
    size: f32,
    /// Half the line width in pixels.
    pen: f32,
    /// Relative change of the width along a stroke, and its phase.
    pressure: (f32, f32),
}

impl Distortion {
    fn draw(random: &mut Stream) -> Self {
        let stretch = libm::expf(0.08 + random.normal(0.20));
        // Handwriting is upright or slants to the right; `y` points downwards, so a slant to the right is negative.
        let lean = -0.14 + random.normal(0.20);
        let (sin, cos) = libm::sincosf(random.normal(0.09));
        Self {
            matrix: [[cos * stretch, cos * lean - sin], [sin * stretch, sin * lean + cos]],
            jitter: random.between(0.015, 0.055),
            wave: [
                (random.normal(0.025), random.between(0.0, TAU)),
                (random.normal(0.025), random.between(0.0, TAU)),
            ],
            size: BOX * random.between(0.86, 1.02),
            pen: (1.33 * libm::expf(random.normal(0.26))).clamp(0.7, 2.2),
            pressure: (random.between(0.0, 0.28), random.between(0.0, TAU)),
        }
    }

    /// Distorts one stroke to a line of dots, in heights (the radius already in pixels).
    fn trace(&self, stroke: Stroke, random: &mut Stream) -> Vec<Dot> {
        let knots: Vec<Knot> = stroke.iter().map(|&knot| self.displace(knot, random)).collect();
        let n_dots = (knots.len() - 1) * SEGMENTS;
        let mut line = Vec::with_capacity(n_dots + 1);
        for span in 0..knots.len() - 1 {
            for segment in 0..SEGMENTS {
                let (x, y) = curve(&knots, span, segment as f32 / SEGMENTS as f32);
                line.push(self.dot(x, y, line.len() as f32 / n_dots as f32));
            }
        }
        let last = knots[knots.len() - 1];
        line.push(self.dot(last.x, last.y, 1.0));
        line
    }

    fn displace(&self, knot: Knot, random: &mut Stream) -> Knot {
        Knot {
            x: knot.x + random.normal(self.jitter),
            y: knot.y + random.normal(self.jitter),
            ..knot
        }
    }

    /// Dot at a point of the undistorted digit, at `progress` in `[0, 1]` along its stroke.
    fn dot(&self, x: f32, y: f32, progress: f32) -> Dot {
        let [(a, phase_a), (b, phase_b)] = self.wave;
        let u = x - 0.3 + a * libm::sinf(PI * 1.5 * y + phase_a);
        let v = y - 0.5 + b * libm::sinf(PI * 1.5 * x + phase_b);
        let [[xx, xy], [yx, yy]] = self.matrix;
        let (swing, phase) = self.pressure;
        let radius = self.pen * (1.0 + swing * libm::sinf(PI * 1.3 * progress + phase));
        Dot { x: xx * u + xy * v, y: yx * u + yy * v, radius }
    }

    /// Scales the lines to `size` pixels and moves their centre of mass to the origin, as in MNIST.
    fn fit(&self, lines: &mut [Vec<Dot>]) {
        let dots = || lines.iter().flatten();
        let (left, right) = extent(dots().map(|dot| dot.x));
        let (top, bottom) = extent(dots().map(|dot| dot.y));
        // The line width counts towards the size.
        let scale =
            (self.size - 2.0 * self.pen) / (right - left).max(bottom - top).max(f32::EPSILON);
        let (x, y) = centre(lines);
        for dot in lines.iter_mut().flatten() {
            dot.x = (dot.x - x) * scale;
            dot.y = (dot.y - y) * scale;
        }
    }
}

/// Point at `t` in `[0, 1]` between knots `span` and `span + 1`: a cubic Hermite curve.
fn curve(knots: &[Knot], span: usize, t: f32) -> (f32, f32) {
    let (p, q) = (knots[span], knots[span + 1]);
    let (from, to) = (tangent(knots, span, span), tangent(knots, span + 1, span));
    let (t2, t3) = (t * t, t * t * t);
    let weights = [2.0 * t3 - 3.0 * t2 + 1.0, 3.0 * t2 - 2.0 * t3, t3 - 2.0 * t2 + t, t3 - t2];
    let blend =
        |values: [f32; 4]| weights.iter().zip(values).map(|(weight, value)| weight * value).sum();
    (blend([p.x, q.x, from.0, to.0]), blend([p.y, q.y, from.1, to.1]))
}

/// Tangent at a knot: the chord of its neighbours, or `span` itself at ends and corners.
fn tangent(knots: &[Knot], at: usize, span: usize) -> (f32, f32) {
    let ends = at == 0 || at == knots.len() - 1 || knots[at].corner;
    let (before, after, factor) = if ends { (span, span + 1, 1.0) } else { (at - 1, at + 1, 0.5) };
    (factor * (knots[after].x - knots[before].x), factor * (knots[after].y - knots[before].y))
}

fn extent(values: impl Iterator<Item = f32>) -> (f32, f32) {
    values.fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    })
}

/// Centre of mass of the lines, weighted by segment length.
fn centre(lines: &[Vec<Dot>]) -> (f32, f32) {
    let (mut mass, mut x, mut y) = (f32::EPSILON, 0.0, 0.0);
    for pair in lines.iter().flat_map(|line| line.windows(2)) {
        let (p, q) = (pair[0], pair[1]);
        let length = ((q.x - p.x) * (q.x - p.x) + (q.y - p.y) * (q.y - p.y)).sqrt();
        mass += length;
        x += length * 0.5 * (p.x + q.x);
        y += length * 0.5 * (p.y + q.y);
    }
    (x / mass, y / mass)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digits::glyphs;
    use crate::rng::Purpose;

    #[test]
    fn every_template_fits_the_box_around_the_origin() {
        for class in 0..10 {
            for (variant, strokes) in glyphs::variants(class).iter().enumerate() {
                for index in 0..50 {
                    let lines = distort(strokes, &mut Stream::new(1, Purpose::TrainSample, index));
                    let (left, right) = extent(lines.iter().flatten().map(|dot| dot.x));
                    let (top, bottom) = extent(lines.iter().flatten().map(|dot| dot.y));
                    let longest = (right - left).max(bottom - top);
                    assert!((10.0..BOX * 1.02).contains(&longest), "{class}/{variant}: {longest}");
                    let (x, y) = centre(&lines);
                    assert!(x.abs() < 0.01 && y.abs() < 0.01, "{class}/{variant}: ({x}, {y})");
                }
            }
        }
    }

    #[test]
    fn curves_pass_through_their_knots() {
        let stroke = glyphs::variants(3)[0][0];
        for span in 0..stroke.len() - 1 {
            for (t, knot) in [(0.0, stroke[span]), (1.0, stroke[span + 1])] {
                let (x, y) = curve(stroke, span, t);
                assert!((x - knot.x).abs() < 1e-6 && (y - knot.y).abs() < 1e-6);
            }
        }
    }
}

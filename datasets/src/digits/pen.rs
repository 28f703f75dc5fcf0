//! Rasterisation of lines to grey pixels.

use super::distortion::Dot;

/// Parameters of the rasterisation.
#[derive(Clone, Copy)]
pub(super) struct Pen {
    /// Position of the origin of the lines on the canvas, in pixels.
    pub(super) origin: (f32, f32),
    /// Width of the soft edge in pixels; one is plain anti-aliasing.
    pub(super) softness: f32,
    /// Grey value inside a line, in `(0, 1]`.
    pub(super) ink: f32,
}

impl Pen {
    /// Draws `lines` on a black canvas of `width` columns; values are multiples of 1/255, as from a scanner.
    ///
    /// The value of a pixel is a ramp of the distance from its centre to the nearest line, so edges are anti-aliased.
    pub(super) fn draw(&self, lines: &[Vec<Dot>], canvas: &mut [f32], width: usize) {
        canvas.fill(0.0);
        for pair in lines.iter().flat_map(|line| line.windows(2)) {
            self.draw_piece(pair[0], pair[1], canvas, width);
        }
        for value in canvas {
            *value = (*value * self.ink * 255.0 + 0.5).floor() / 255.0;
        }
    }

    fn draw_piece(&self, p: Dot, q: Dot, canvas: &mut [f32], width: usize) {
        let (px, py) = (p.x + self.origin.0, p.y + self.origin.1);
        let (dx, dy, swell) = (q.x - p.x, q.y - p.y, q.radius - p.radius);
        let reach = p.radius.max(q.radius) + self.softness;
        let per_length2 = 1.0 / (dx * dx + dy * dy).max(1e-12);
        let columns = pixels(px.min(px + dx) - reach, px.max(px + dx) + reach, width);
        for row in pixels(py.min(py + dy) - reach, py.max(py + dy) + reach, canvas.len() / width) {
            for column in columns.clone() {
                let (x, y) = (column as f32 + 0.5 - px, row as f32 + 0.5 - py);
                let along = ((x * dx + y * dy) * per_length2).clamp(0.0, 1.0);
                let (x, y) = (x - along * dx, y - along * dy);
                let depth = p.radius + along * swell - (x * x + y * y).sqrt();
                let value = (0.5 + depth / self.softness).clamp(0.0, 1.0);
                let pixel = &mut canvas[row * width + column];
                *pixel = pixel.max(value);
            }
        }
    }
}

/// Pixels of `0..count` whose centres may lie between `low` and `high`.
fn pixels(low: f32, high: f32, count: usize) -> std::ops::Range<usize> {
    // Casts from float to integer saturate, so lines off the canvas give empty or clipped ranges.
    let end = (high.ceil() as usize).min(count);
    (low.floor() as usize).min(end)..end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(from: (f32, f32), to: (f32, f32), radius: f32) -> Vec<f32> {
        let pen = Pen { origin: (0.0, 0.0), softness: 1.0, ink: 1.0 };
        let mut canvas = vec![f32::NAN; 28 * 28];
        let line = vec![Dot { x: from.0, y: from.1, radius }, Dot { x: to.0, y: to.1, radius }];
        pen.draw(&[line], &mut canvas, 28);
        canvas
    }

    #[test]
    fn lines_cover_their_area() {
        let ink: f32 = draw((6.0, 14.0), (22.0, 14.0), 1.5).iter().sum();
        // Area of a rectangle of 16 by 3 and two half discs.
        let area = 16.0 * 3.0 + std::f32::consts::PI * 1.5 * 1.5;
        assert!((ink - area).abs() < 0.03 * area, "{ink} against {area}");
    }

    #[test]
    fn lines_off_the_canvas_leave_it_black() {
        for (from, to) in [
            ((-90.0, 5.0), (-50.0, 5.0)),
            ((5.0, 90.0), (5.0, 900.0)),
            ((f32::MAX, 0.0), (f32::MAX, 1.0)),
        ] {
            assert!(draw(from, to, 2.0).iter().all(|value| *value == 0.0));
        }
    }
}

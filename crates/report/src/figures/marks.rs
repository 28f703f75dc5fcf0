//! Marks on figures: lines with halos, points with bars, arrows, hatching.

use crate::Result;
use plotters::{element::DashedPathElement, prelude::*};

use super::{
    canvas::{Canvas, Rect, px},
    palette::{HALO, NO_RESULT, OVER},
};

/// Shape of a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Circle,
    Square,
    Triangle,
    Diamond,
}

impl Shape {
    /// Shape of the `index`-th series; repeats after four.
    pub(super) const fn of(index: usize) -> Self {
        match index % 4 {
            0 => Self::Circle,
            1 => Self::Square,
            2 => Self::Triangle,
            _ => Self::Diamond,
        }
    }

    /// Corners around `(x, y)`; a circle has none.
    fn corners(self, (x, y): (i32, i32), radius: i32) -> Vec<(i32, i32)> {
        let (count, turn) = match self {
            Self::Circle => (0, 0.0),
            Self::Square => (4, 0.125),
            Self::Triangle => (3, 0.75),
            Self::Diamond => (4, 0.0),
        };
        let corner = |step: i32| {
            let angle = std::f64::consts::TAU * (f64::from(step) / f64::from(count) + turn);
            let reach = 1.25 * f64::from(radius);
            (x + (reach * angle.cos()).round() as i32, y + (reach * angle.sin()).round() as i32)
        };
        (0..count).map(corner).collect()
    }
}

/// Radius of points.
pub(super) const RADIUS: i32 = px(4);

/// Draws a point, filled or open.
///
/// # Errors
/// If drawing on the canvas fails.
pub(super) fn point(
    canvas: &Canvas<'_>,
    shape: Shape,
    at: (i32, i32),
    color: RGBAColor,
    open: bool,
) -> Result<()> {
    if shape == Shape::Circle {
        let rim = color.stroke_width((px(3) / 2).unsigned_abs());
        let style = if open { rim } else { color.filled() };
        canvas.area.draw(&Circle::new(at, RADIUS, style))?;
        return Ok(());
    }
    let mut corners = shape.corners(at, RADIUS);
    if !open {
        canvas.fill(&corners, color)?;
    }
    corners.push(corners[0]);
    canvas.line(&corners, color, px(3) / 2)
}

/// Draws a vertical bar from `low` to `high` at `x`, with end caps.
///
/// # Errors
/// If drawing on the canvas fails.
pub(super) fn bar(
    canvas: &Canvas<'_>,
    x: i32,
    low: i32,
    high: i32,
    color: RGBAColor,
    width: i32,
) -> Result<()> {
    let cap = px(3);
    canvas.line(&[(x, low), (x, high)], color, width)?;
    canvas.line(&[(x - cap, low), (x + cap, low)], color, width)?;
    canvas.line(&[(x - cap, high), (x + cap, high)], color, width)
}

/// Draws an arrow of `length` that starts at `(x, y)`: upwards, or downwards for negative lengths.
///
/// # Errors
/// If drawing on the canvas fails.
pub(super) fn arrow(
    canvas: &Canvas<'_>,
    (x, y): (i32, i32),
    length: i32,
    color: RGBAColor,
    width: i32,
) -> Result<()> {
    let tip = y - length;
    let back = tip + length.signum() * px(5);
    canvas.line(&[(x, y), (x, tip)], color, width)?;
    canvas.line(&[(x - px(4), back), (x, tip), (x + px(4), back)], color, width)
}

/// Draws a line that is visible on any colour: dark with a pale halo.
///
/// # Errors
/// If drawing on the canvas fails.
pub(super) fn halo_line(canvas: &Canvas<'_>, points: &[(i32, i32)], dash: Dash) -> Result<()> {
    canvas.line(points, HALO.mix(0.75), px(7) / 2)?;
    match dash {
        Dash::Solid => canvas.line(points, OVER.to_rgba(), px(3) / 2),
        Dash::Dashed(on, off) => dashed(canvas, points, OVER.to_rgba(), px(3) / 2, (on, off)),
    }
}

/// Dash pattern of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dash {
    Solid,
    /// Lengths drawn and skipped, in canvas units.
    Dashed(i32, i32),
}

impl Dash {
    /// Pattern of the `index`-th theory curve; the first is solid.
    pub(super) const fn of(index: usize) -> Self {
        match index {
            0 => Self::Solid,
            1 => Self::Dashed(px(7), px(4)),
            2 => Self::Dashed(px(2), px(3)),
            _ => Self::Dashed(px(12), px(3)),
        }
    }
}

/// Draws a dashed line.
///
/// # Errors
/// If drawing on the canvas fails.
pub(super) fn dashed(
    canvas: &Canvas<'_>,
    points: &[(i32, i32)],
    color: RGBAColor,
    width: i32,
    (on, off): (i32, i32),
) -> Result<()> {
    if points.len() > 1 {
        let style = color.stroke_width(width.unsigned_abs());
        canvas.area.draw(&DashedPathElement::new(points.to_vec(), on, off, style))?;
    }
    Ok(())
}

/// Fills `rect` as a cell without a result: grey with slanted lines.
///
/// # Errors
/// If drawing on the canvas fails.
pub(super) fn hatched(canvas: &Canvas<'_>, rect: Rect) -> Result<()> {
    canvas.block(rect, NO_RESULT[0].to_rgba())?;
    let step = px(6);
    // The lines x + y = constant lie at multiples of the step, so that neighbouring cells match.
    let first = (rect.left + rect.top).div_euclid(step) + 1;
    let last = (rect.right + rect.bottom).div_euclid(step);
    for sum in (first..=last).map(|count| count * step) {
        let (left, right) = (rect.left.max(sum - rect.bottom), rect.right.min(sum - rect.top));
        canvas.line(&[(left, sum - left), (right, sum - right)], NO_RESULT[1].to_rgba(), px(1))?;
    }
    Ok(())
}

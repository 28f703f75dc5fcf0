//! Colour bar to the right of a diagram.

use crate::Result;
use plotters::style::{Color, text_anchor::HPos};

use super::{
    Layout,
    canvas::{Canvas, Rect, px},
    palette::{INK, heat},
    text,
};

/// Draws the colours from bottom to top in `room`, with `ticks` at their relative heights and `label` beside them.
pub(super) fn draw(
    canvas: &Canvas<'_>,
    room: Rect,
    ticks: impl IntoIterator<Item = (f64, String)>,
    label: &str,
    layout: Layout,
) -> Result<()> {
    let bar = Rect { left: room.left + px(12), right: room.left + px(26), ..room };
    let size = layout.text() * 12 / 13;
    for step in 0..128 {
        let at = |step: i32| bar.bottom - bar.height() * step / 128;
        let rect = Rect { top: (at(step + 1) - px(1)).max(bar.top), bottom: at(step), ..bar };
        canvas.block(rect, heat(f64::from(step) / 127.0).to_rgba())?;
    }
    canvas.outline(bar, INK.to_rgba(), px(1))?;
    let mut widest = 0;
    for (share, tick) in ticks {
        widest = widest.max(text::width(&tick, size));
        let y = bar.bottom - (share * f64::from(bar.height())).round() as i32;
        canvas.line(&[(bar.right, y), (bar.right + px(3), y)], INK.to_rgba(), px(1))?;
        text::write(canvas, &tick, (bar.right + px(5), y), size, HPos::Left)?;
    }
    let middle = (room.right - px(8), bar.top + bar.height() / 2);
    // Where the numbers leave no room, the title of the figure names the quantity.
    if bar.right + px(5) + widest > middle.0 - size / 2 {
        return Ok(());
    }
    text::write_upwards(canvas, label, middle, size)
}

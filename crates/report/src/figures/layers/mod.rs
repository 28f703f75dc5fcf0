//! Measurements of one network, layer by layer: a narrow panel for each quantity, the first layer on top.

mod panel;
#[cfg(test)]
mod tests;

use plotters::style::text_anchor::HPos;

use self::panel::{Panel, Rows};
use super::{
    Figure, Hover, Layout, PageSection,
    canvas::{Canvas, Rect, px},
    legend::{self, Entry, Sample},
    marks::{self, Shape},
    palette, text,
};
use crate::{
    Result,
    verdict::{LayerValues, Reason},
};

/// The figure.
pub(crate) struct LayerPanels {
    panels: Vec<Panel>,
    rows: Rows,
    overflow: Option<usize>,
    left_out: Vec<String>,
}

/// Space for the numbers of layers at the left, and for reasons at the right.
const NUMBERS: i32 = px(48);
const REASONS: i32 = px(76);
/// Most space for a panel.
const WIDEST: i32 = px(190);
/// Panels side by side in narrow layouts.
const NARROW_COLUMNS: i32 = 2;

impl LayerPanels {
    /// Panels of the quantities that have something to show.
    pub(crate) fn of(values: &LayerValues, reasons: &[Reason]) -> Self {
        let mut figure = Self {
            panels: Vec::new(),
            rows: Rows::new(values.depth, reasons),
            overflow: values.overflow,
            left_out: Vec::new(),
        };
        let squares = values.mean_square.iter().map(|square| square.log10());
        figure.add(Panel::powers("mean square of activations", squares));
        let norms = values.ln_gradient.iter().map(|ln| ln / std::f64::consts::LN_10);
        figure.add(Panel::powers("gradient norm", norms));
        figure.add(Panel::share("reconstruction error", &values.reconstruction_error));
        figure.add(Panel::count("effective rank", &values.rank));
        let mut zero = Vec::new();
        for (name, shares) in [("dead units", &values.dead), ("saturation", &values.saturated)] {
            if shares.iter().any(|&share| share > 0.0) {
                figure.add(Panel::share(name, shares));
            } else if !shares.is_empty() {
                zero.push(name);
            }
        }
        figure.left_out = left_out(values, &zero);
        figure
    }

    fn add(&mut self, panel: Option<Panel>) {
        self.panels.extend(panel);
    }

    /// True without any panel.
    pub(crate) const fn is_empty(&self) -> bool {
        self.panels.is_empty()
    }

    /// Sentences about quantities that are not drawn.
    pub(crate) fn left_out(&self) -> Vec<String> {
        self.left_out.clone()
    }

    /// Number of panels side by side, and of rows of panels.
    fn grid(&self, layout: Layout) -> (i32, i32) {
        let panels = self.panels.len().max(1) as i32;
        match layout {
            Layout::Wide => (panels, 1),
            Layout::Narrow => (NARROW_COLUMNS, (panels + NARROW_COLUMNS - 1) / NARROW_COLUMNS),
        }
    }

    fn legend(&self) -> Vec<Entry> {
        let mut entries = Vec::new();
        if self.rows.has_marks() {
            let sample = Sample::Point(Shape::Square, panel::marked());
            entries.push(Entry { sample, label: "layer named in the list above".into() });
        }
        if let Some(layer) = self.overflow {
            let label = format!("no values from layer {layer} on: beyond the range of f32");
            entries.push(Entry { sample: Sample::NoResult, label });
        }
        entries
    }

    /// Height of the panels.
    fn panel_height(&self, layout: Layout) -> i32 {
        let layers = self.rows.depth as i32;
        match layout {
            Layout::Wide => px((90 + 14 * layers).clamp(170, 620)),
            Layout::Narrow => px((80 + 12 * layers).clamp(150, 420)),
        }
    }
}

/// Sentences about the quantities without a panel.
fn left_out(values: &LayerValues, zero: &[&str]) -> Vec<String> {
    let mut sentences = Vec::new();
    let is_finite = |list: &[f64]| list.iter().any(|value| value.is_finite());
    let hidden = values.depth.saturating_sub(1);
    if let Some(layer) = values.overflow {
        sentences.push(format!(
            "Gradients and reconstruction errors are not measured, because activations exceed the range of f32 at layer \
             {layer}."
        ));
    } else {
        if !is_finite(&values.ln_gradient) {
            sentences.push("Gradients are not drawn, because all of them vanish.".into());
        }
        if let Some(reason) = &values.no_reconstruction {
            sentences.push(format!("Reconstruction errors are not drawn: {reason}."));
        }
    }
    if hidden == 0 {
        sentences.push("The network has no hidden layer.".into());
    } else if !zero.is_empty() {
        sentences.push(format!("Not drawn, because it is 0 in every layer: {}.", zero.join(", ")));
    }
    if values.mean_square.contains(&0.0) {
        sentences
            .push("Layers whose activations are all 0 have no point on logarithmic axes.".into());
    }
    sentences
}

impl Figure for LayerPanels {
    fn stem(&self) -> String {
        "layers".into()
    }

    fn title(&self) -> String {
        "The network at its initialisation".into()
    }

    fn caption(&self) -> String {
        "Layers from the input (top) to the readout (bottom). Activations and gradients are those of the first minibatch; \
         the reconstruction error is that of linear decoders from the layer back to the input, 1 where nothing is left."
            .into()
    }

    fn size(&self, layout: Layout) -> (i32, i32) {
        let (_, rows) = self.grid(layout);
        let lines = self.legend().len() as i32;
        let (width, line) = match layout {
            Layout::Wide => (px(1000), px(20)),
            Layout::Narrow => (px(360), px(40)),
        };
        let head = px(40) + lines * line;
        (width, head + rows * (self.panel_height(layout) + panel::AROUND))
    }

    fn place(&self) -> PageSection {
        PageSection::Chart
    }

    fn draw(&self, canvas: &mut Canvas<'_>, layout: Layout) -> Result<Hover> {
        let (width, _) = self.size(layout);
        let top = legend::draw(canvas, &self.title(), &self.legend(), width, layout)?;
        let (columns, _) = self.grid(layout);
        let step = ((width - NUMBERS - REASONS) / columns).min(WIDEST);
        let mut hover = Hover::default();
        for (start, panels) in self.panels.chunks(columns as usize).enumerate() {
            let height = self.panel_height(layout);
            let top = top + start as i32 * (height + panel::AROUND) + panel::TITLE;
            let room = Rect {
                left: NUMBERS,
                right: NUMBERS + panels.len() as i32 * step - panel::GAP,
                top,
                bottom: top + height,
            };
            self.draw_rows(canvas, room, layout)?;
            for (index, panel) in panels.iter().enumerate() {
                let left = NUMBERS + index as i32 * step;
                let rect = Rect { left, right: left + step - panel::GAP, ..room };
                hover.marks.extend(panel.draw(canvas, rect, &self.rows, layout)?);
            }
        }
        Ok(hover)
    }
}

impl LayerPanels {
    /// What crosses all panels of a row: numbers of layers, marked layers with their reasons, missing layers.
    fn draw_rows(&self, canvas: &Canvas<'_>, room: Rect, layout: Layout) -> Result<()> {
        let size = layout.text();
        if let Some(overflow) = self.overflow {
            let top = self.rows.edge(room, overflow);
            marks::hatched(canvas, Rect { top, ..room })?;
        }
        let mut free = room.top;
        for (layer, label) in self.rows.marks() {
            let half =
                ((self.rows.edge(room, 2) - self.rows.edge(room, 1)) / 2).clamp(px(2), px(9));
            let y = self.rows.y(room, *layer);
            let band = Rect { top: y - half, bottom: y + half, ..room };
            canvas.block(band, panel::marked())?;
            // Labels of neighbours would overlap.
            let place = y.max(free);
            free = place + size;
            text::write(canvas, label, (room.right + px(5), place), size * 11 / 13, HPos::Left)?;
        }
        for layer in self.rows.ticks() {
            let y = self.rows.y(room, layer);
            canvas.line(&[(room.left - px(4), y), (room.left, y)], palette::INK.into(), px(1))?;
            text::write(canvas, &layer.to_string(), (room.left - px(7), y), size, HPos::Right)?;
        }
        let middle = (px(9), room.top + room.height() / 2);
        text::write_upwards(canvas, "layer", middle, size)
    }
}

//! Samples and their reconstructions from increasing depth.

use crate::Result;
use crate::places::{at_slice, weights_words};
use isobath_experiment::GridPoint;
use plotters::style::{Color, text_anchor::HPos};

use super::{
    Figure, Hover, Layout, PageSection, Scaling,
    canvas::{Canvas, Rect, Underlay, px},
    legend,
    palette::INK,
    text,
};
use isobath_analysis::points::{Point, slices};
use isobath_store::{GalleryRecord, RunRecord};

/// Reconstructions at a few points of the grid.
pub(super) struct Gallery<'a> {
    run: &'a RunRecord,
    rows: Vec<Row<'a>>,
    depths: Vec<usize>,
}

/// Pictures of one point.
struct Row<'a> {
    id: GridPoint,
    role: &'static str,
    pictures: &'a [GalleryRecord],
}

/// Maximum numbers of points, samples and depths shown.
pub(crate) const MAX_GALLERY_POINTS: usize = 5;
pub(crate) const MAX_GALLERY_SAMPLES: usize = 3;
const MAX_DEPTHS: usize = 9;

/// Approximate size of a picture.
const PICTURE: i32 = px(56);
const GAP: i32 = px(4);
const GROUP_GAP: i32 = px(12);
const LABELS: i32 = px(104);
const MARGIN: i32 = px(10);

/// Depths shown in a gallery, the input's 0 first.
pub(crate) fn shown_depths(pictures: &[GalleryRecord]) -> Vec<usize> {
    let mut depths: Vec<_> = pictures.iter().map(|picture| picture.depth).collect();
    depths.sort_unstable();
    depths.dedup();
    // Too many depths are thinned evenly; the deepest is kept.
    let last = depths.len().saturating_sub(1);
    if depths.len() > MAX_DEPTHS {
        (0..MAX_DEPTHS).map(|step| depths[step * last / (MAX_DEPTHS - 1)]).collect()
    } else {
        depths
    }
}

impl<'a> Gallery<'a> {
    /// Gallery of `run`'s first slice with pictures.
    pub(super) fn of(run: &'a RunRecord) -> Option<Self> {
        let mut rows = slices(run).into_iter().map(|slice| {
            let points =
                slice.representative(MAX_GALLERY_POINTS, |point| !point.pictures().is_empty());
            let row = |(point, role): (&&Point<'a>, &'static str)| Row {
                id: point.id,
                role,
                pictures: point.pictures(),
            };
            points.iter().zip(slice.roles(&points)).map(row).collect::<Vec<_>>()
        });
        let rows = rows.find(|rows| !rows.is_empty())?;
        let depths = shown_depths(rows[0].pictures);
        Some(Self { run, rows, depths })
    }

    fn samples(&self) -> usize {
        let samples =
            self.rows.iter().flat_map(|row| row.pictures).map(|picture| picture.sample + 1).max();
        samples.unwrap_or(0).min(MAX_GALLERY_SAMPLES)
    }

    /// Width and height of one picture on the canvas, from the proportions of its sample.
    fn picture(&self) -> (i32, i32) {
        let [_, height, width] = self.run.shape.map(|length| length.max(1) as f64);
        let scale = f64::from(PICTURE) / width.max(height);
        (
            (width * scale).max(f64::from(px(4))) as i32,
            (height * scale).max(f64::from(px(4))) as i32,
        )
    }

    /// Lines beside the pictures of `row`: its point and its role.
    fn labels(&self, row: &Row<'_>, size: i32) -> Vec<String> {
        // The column has no room for more than the scheme's name.
        let scheme = self.run.scheme(row.id).map(ToOwned::to_owned);
        let point = scheme.unwrap_or_else(|| weights_words(self.run, row.id));
        let wide = LABELS - GAP;
        [point.as_str(), row.role].iter().flat_map(|text| text::wrapped(text, size, wide)).collect()
    }

    fn draw_row(
        &self,
        canvas: &mut Canvas<'_>,
        row: &Row<'_>,
        top: i32,
        layout: Layout,
    ) -> Result<()> {
        let (width, height) = self.picture();
        let middle = top + (self.samples() as i32 * (height + GAP) - GAP) / 2;
        let size = layout.text();
        let labels = self.labels(row, size);
        let first = middle - size * 3 / 5 * (labels.len() as i32 - 1);
        for (line, label) in (0..).zip(&labels) {
            let at = (MARGIN, first + line * size * 6 / 5);
            text::write(canvas, label, at, size, HPos::Left)?;
        }
        for sample in 0..self.samples() {
            let of_sample = || row.pictures.iter().filter(move |picture| picture.sample == sample);
            let input = of_sample().find(|picture| picture.depth == 0);
            let scaling = Scaling::of(input.map_or(&[], |picture| &picture.pixels));
            for (column, depth) in self.depths.iter().enumerate() {
                let Some(picture) = of_sample().find(|picture| picture.depth == *depth) else {
                    continue;
                };
                let left = self.column(column);
                let top = top + sample as i32 * (height + GAP);
                let rect = Rect { left, top, right: left + width, bottom: top + height };
                let png = scaling.png(self.run.shape, &picture.pixels)?;
                canvas.underlays.push(Underlay { rect, png });
                canvas.outline(rect, INK.mix(0.35), px(1) / 2)?;
            }
        }
        Ok(())
    }

    fn column(&self, index: usize) -> i32 {
        let input = if index > 0 { GROUP_GAP } else { 0 };
        MARGIN + LABELS + index as i32 * (self.picture().0 + GAP) + input
    }
}

impl Figure for Gallery<'_> {
    fn stem(&self) -> String {
        "gallery".into()
    }

    fn title(&self) -> String {
        let place = self.rows.first().map(|row| at_slice(self.run, row.id));
        format!("Inputs and their reconstructions {}", place.unwrap_or_default())
    }

    fn caption(&self) -> String {
        "Probe samples and their reconstructions from increasing depth (first seed). Each reconstruction uses the \
         value range of its input."
            .into()
    }

    fn size(&self, _: Layout) -> (i32, i32) {
        let (_, height) = self.picture();
        let group = self.samples() as i32 * (height + GAP) - GAP + GROUP_GAP;
        let wide = self.column(self.depths.len()) + MARGIN;
        (wide.max(px(430)), px(58) + self.rows.len() as i32 * group)
    }

    fn place(&self) -> PageSection {
        PageSection::FilesOnly
    }

    fn draw(&self, canvas: &mut Canvas<'_>, layout: Layout) -> Result<Hover> {
        let (wide, total) = self.size(layout);
        let (width, height) = self.picture();
        legend::draw(canvas, &self.title(), &[], wide, layout)?;
        let labels = px(42);
        for (column, depth) in self.depths.iter().enumerate() {
            let label = match depth {
                0 => "input".into(),
                1 => "depth 1".into(),
                depth => depth.to_string(),
            };
            let at = (self.column(column) + width / 2, labels);
            text::write(canvas, &label, at, layout.text(), HPos::Center)?;
        }
        let group = self.samples() as i32 * (height + GAP) - GAP + GROUP_GAP;
        for (index, row) in self.rows.iter().enumerate() {
            self.draw_row(canvas, row, labels + px(12) + index as i32 * group, layout)?;
        }
        debug_assert!(
            labels + px(12) + self.rows.len() as i32 * group <= total,
            "the gallery's rows fit its canvas"
        );
        Ok(Hover::default())
    }
}

#[cfg(test)]
mod tests {
    use isobath_store::synthetic::{Options, run};

    use super::*;

    #[test]
    fn many_depths_are_thinned_including_both_ends() {
        let picture = |depth| GalleryRecord { depth, sample: 0, pixels: Vec::new() };
        let pictures: Vec<_> = (0..=50).map(picture).collect();
        let depths = shown_depths(&pictures);
        assert_eq!((depths.len(), depths[0], depths[MAX_DEPTHS - 1]), (MAX_DEPTHS, 0, 50));
        assert_eq!(shown_depths(&pictures[..3]), [0, 1, 2]);
    }

    #[test]
    fn labels_are_no_wider_than_their_column() {
        let mut run = run(&Options::default());
        let id = run.cells[0].cell.point;
        run.shape = [1, 8, 8];
        for role in ["ordered", "ordered, nearest to the critical line"] {
            let gallery = Gallery { run: &run, rows: Vec::new(), depths: Vec::new() };
            let row = Row { id, role, pictures: &[] };
            for layout in [Layout::Wide, Layout::Narrow] {
                let size = layout.text();
                let labels = gallery.labels(&row, size);
                let fits = |label: &String| text::width(label, size) <= LABELS;
                assert!(labels.len() >= 2 && labels.iter().all(fits), "{labels:?}");
            }
        }
    }
}

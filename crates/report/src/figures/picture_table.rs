//! Pictures in rows and columns with labels.

use crate::Result;
use plotters::style::{Color, text_anchor::HPos};

use super::{
    Figure, Hover, Layout, PageSection, Scaling, bars,
    canvas::{Canvas, Rect, Underlay, px},
    legend,
    palette::INK,
    text,
};

/// Rows of pictures under shared column labels.
pub(crate) struct PictureTable {
    pub(crate) stem: String,
    pub(crate) title: String,
    pub(crate) caption: String,
    /// Labels of the columns.
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<PictureRow>,
}

/// A row of pictures.
pub(crate) struct PictureRow {
    pub(crate) label: String,
    /// Pictures; `None` leaves a gap.
    pub(crate) cells: Vec<Option<Picture>>,
}

/// A picture and the values that are black and white.
pub(crate) struct Picture {
    kind: Kind,
    pixels: Vec<f32>,
    range: [f32; 2],
    /// Words below the picture; may be empty.
    note: String,
}

enum Kind {
    /// Channels, height and width.
    Image([usize; 3]),
    Bars,
}

/// Most rows and columns of an image's pixels that a drawing contains; larger images are reduced.
const MOST_PIXELS: usize = 112;

/// Longer side of an image on the canvas.
const IMAGE: i32 = px(60);
/// Size of a row of bars on the canvas.
const BARS: (i32, i32) = (px(96), px(40));
const GAP: i32 = px(5);
const LABELS: i32 = px(150);
const MARGIN: i32 = px(10);
/// Place of the column labels, and of the first row.
const HEAD: i32 = px(40);
const TOP: i32 = px(52);
/// Height of the words below a picture.
const NOTE: i32 = px(13);

impl Picture {
    /// An image `[channels, height, width]`. Large ones are reduced by means over boxes of pixels.
    pub(crate) fn image(shape: [usize; 3], pixels: &[f32], range: [f32; 2]) -> Self {
        let (shape, pixels) = reduced(shape, pixels);
        Self { kind: Kind::Image(shape), pixels, range, note: String::new() }
    }

    /// A row of bars.
    pub(crate) fn bars(values: Vec<f32>, range: [f32; 2]) -> Self {
        Self { kind: Kind::Bars, pixels: values, range, note: String::new() }
    }

    /// The picture with words below it.
    pub(crate) fn with_note(self, note: String) -> Self {
        Self { note, ..self }
    }

    fn png(&self) -> Result<Vec<u8>> {
        match self.kind {
            Kind::Image(shape) => Scaling::of(&self.range).png(shape, &self.pixels),
            Kind::Bars => bars::png(&self.pixels, self.range),
        }
    }

    /// Width and height on the canvas.
    fn size(&self) -> (i32, i32) {
        match self.kind {
            Kind::Image([_, height, width]) => {
                let scale = f64::from(IMAGE) / width.max(height).max(1) as f64;
                let length = |pixels: usize| ((pixels as f64 * scale) as i32).max(px(4));
                (length(width), length(height))
            }
            Kind::Bars => BARS,
        }
    }
}

/// Means over boxes of pixels, so that neither side is longer than [`MOST_PIXELS`]. Pixels beyond the last whole box are
/// left out.
fn reduced(shape: [usize; 3], pixels: &[f32]) -> ([usize; 3], Vec<f32>) {
    let [channels, height, width] = shape;
    let side = height.max(width).div_ceil(MOST_PIXELS).min(height).min(width);
    if side <= 1 {
        return (shape, pixels.to_vec());
    }
    let (rows, columns) = (height / side, width / side);
    let mean = |index: usize| {
        let (channel, row, column) =
            (index / (rows * columns), index / columns % rows, index % columns);
        let boxed = (0..side * side).filter_map(|place| {
            let (y, x) = (row * side + place / side, column * side + place % side);
            pixels.get((channel * height + y) * width + x)
        });
        boxed.sum::<f32>() / (side * side) as f32
    };
    ([channels, rows, columns], (0..channels * rows * columns).map(mean).collect())
}

impl PictureTable {
    /// Size of the largest picture.
    fn picture(&self) -> (i32, i32) {
        let sizes = || self.rows.iter().flat_map(|row| &row.cells).flatten().map(Picture::size);
        (
            sizes().map(|size| size.0).max().unwrap_or(0),
            sizes().map(|size| size.1).max().unwrap_or(0),
        )
    }

    /// Height of a row, with the words below its pictures.
    fn row_height(&self, row: &PictureRow) -> i32 {
        let has_notes = row.cells.iter().flatten().any(|picture| !picture.note.is_empty());
        self.picture().1 + GAP + if has_notes { NOTE } else { 0 }
    }

    fn column(&self, index: usize) -> i32 {
        MARGIN + LABELS + index as i32 * (self.picture().0 + GAP)
    }

    fn draw_row(
        &self,
        canvas: &mut Canvas<'_>,
        row: &PictureRow,
        top: i32,
        layout: Layout,
    ) -> Result<()> {
        let size = layout.text() * 9 / 10;
        let line = size * 6 / 5;
        let room = (self.row_height(row) / line).max(1) as usize;
        let mut lines = text::wrapped(&row.label, size, LABELS - GAP);
        if lines.len() > room {
            lines.truncate(room);
            lines[room - 1].push('\u{2026}');
        }
        let first = top + self.picture().1 / 2 - line * (lines.len() as i32 - 1) / 2;
        for (index, words) in (0..).zip(&lines) {
            text::write(canvas, words, (MARGIN, first + index * line), size, HPos::Left)?;
        }
        for (index, picture) in row.cells.iter().enumerate() {
            let Some(picture) = picture else { continue };
            let (width, height) = picture.size();
            let left = self.column(index);
            let rect = Rect { left, top, right: left + width, bottom: top + height };
            canvas.underlays.push(Underlay { rect, png: picture.png()? });
            canvas.outline(rect, INK.mix(0.35), px(1) / 2)?;
            let at = (left + width / 2, rect.bottom + NOTE / 2 + px(1));
            let note = cut(&picture.note, size * 9 / 10, width + GAP);
            text::write(canvas, &note, at, size * 9 / 10, HPos::Center)?;
        }
        Ok(())
    }
}

/// `words`, cut to `wide` canvas units.
fn cut(words: &str, size: i32, wide: i32) -> String {
    if text::width(words, size) <= wide {
        return words.to_owned();
    }
    let kept = |count: usize| {
        words.chars().take(count).chain(std::iter::once('\u{2026}')).collect::<String>()
    };
    let counts = (1..words.chars().count()).rev();
    counts.map(kept).find(|words| text::width(words, size) <= wide).unwrap_or_else(|| kept(1))
}

impl Figure for PictureTable {
    fn stem(&self) -> String {
        self.stem.clone()
    }

    fn title(&self) -> String {
        self.title.clone()
    }

    fn caption(&self) -> String {
        self.caption.clone()
    }

    fn size(&self, layout: Layout) -> (i32, i32) {
        let columns = self.rows.iter().map(|row| row.cells.len()).max().unwrap_or(0);
        // The title has one line.
        let title = text::width(&self.title, layout.text() * 21 / 20) * 6 / 5 + 2 * MARGIN;
        let width = (self.column(columns) + MARGIN).max(title);
        let rows: i32 = self.rows.iter().map(|row| self.row_height(row)).sum();
        (width, TOP + rows + MARGIN)
    }

    fn place(&self) -> PageSection {
        PageSection::Evidence
    }

    fn draw(&self, canvas: &mut Canvas<'_>, layout: Layout) -> Result<Hover> {
        let (width, _) = self.size(layout);
        legend::draw(canvas, &self.title, &[], width, layout)?;
        let (picture, _) = self.picture();
        let size = layout.text() * 9 / 10;
        for (index, label) in self.columns.iter().enumerate() {
            let at = (self.column(index) + picture / 2, HEAD);
            text::write(canvas, &cut(label, size, picture + GAP), at, size, HPos::Center)?;
        }
        let mut top = TOP;
        for row in &self.rows {
            self.draw_row(canvas, row, top, layout)?;
            top += self.row_height(row);
        }
        Ok(Hover::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_images_are_reduced_by_means() {
        let pixels: Vec<f32> = (0..2 * 2 * 226).map(|index| (index % 226) as f32).collect();
        // 226 columns need boxes of 3, but there are two rows only.
        let (shape, means) = reduced([2, 2, 226], &pixels);
        assert_eq!(shape, [2, 1, 113]);
        assert_eq!((means[0], means[112], means[113]), (0.5, 224.5, 0.5));
        let (shape, same) = reduced([1, 2, 3], &pixels[..6]);
        assert_eq!((shape, &same[..]), ([1, 2, 3], &pixels[..6]));
    }

    #[test]
    fn long_labels_are_cut() {
        assert_eq!(cut("cat", px(12), px(60)), "cat");
        let short = cut("automobile with a trailer", px(12), px(60));
        assert!(short.ends_with('\u{2026}') && short.starts_with("aut"), "{short}");
        assert!(text::width(&short, px(12)) <= px(60));
    }

    #[test]
    fn rows_with_gaps_are_drawn_at_their_places() {
        let image = |level: f32| Some(Picture::image([1, 2, 2], &[level; 4], [0.0, 1.0]));
        let row = |cells| PictureRow { label: "layer".into(), cells };
        let table = PictureTable {
            stem: "table".into(),
            title: "Table".into(),
            caption: String::new(),
            columns: vec!["a".into(), "b".into()],
            rows: vec![row(vec![image(0.0), None]), row(vec![None, image(1.0)])],
        };
        let svg = super::super::draw(&table, Layout::Wide).unwrap().to_svg();
        assert_eq!(svg.matches("<image").count(), 2);
        assert!(svg.contains(&format!("<image x=\"{}\"", table.column(1))), "{svg}");
    }
}

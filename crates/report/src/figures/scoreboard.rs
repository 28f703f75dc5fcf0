//! Predictors down, grids across: ranks at equal depth beside errors of frontiers.

use plotters::style::{Color, RGBAColor, RGBColor, text_anchor::HPos};

use super::{
    Figure, Hover, Layout, Mark, PageSection,
    canvas::{Canvas, Rect, px},
    palette::INK,
    predictors::share,
    text,
};
use crate::{Result, comparison::estimate, vocabulary::symbol};
use isobath_analysis::{
    comparison::Estimate,
    scoreboard::{Cell, Row, Scoreboard},
};

/// The scoreboard as two coloured tables under one list of names.
pub(crate) struct Board<'a> {
    pub(crate) board: &'a Scoreboard,
}

/// One quantity of all cells.
struct Block {
    title: &'static str,
    value: fn(&Cell) -> Option<Estimate>,
    digits: usize,
    /// Strength of a value's colour, from 0 to 1.
    strength: fn(f64) -> f64,
    /// True if smaller values are better.
    smaller: bool,
}

const BLOCKS: [Block; 2] = [
    Block {
        title: "AUC at equal depth",
        value: |cell| cell.auc_at_depth,
        digits: 2,
        strength: |auc| 2.0 * auc - 1.0,
        smaller: false,
    },
    Block {
        title: "frontier error, octaves, calibrated on other grids",
        value: |cell| cell.other_grids,
        digits: 2,
        // Two octaves are a factor of four in depth.
        strength: |octaves| (1.0 - octaves / 2.0).max(0.0),
        smaller: true,
    },
];

const ROW: i32 = px(21);
const COLUMN: i32 = px(52);
const GAP: i32 = px(26);
const COST: i32 = px(70);
const MARGIN: i32 = px(8);
const TITLE: i32 = px(34);
/// Height of a block's own title.
const HEAD: i32 = px(24);

/// Good values; bad ones are white.
const GOOD: RGBColor = RGBColor(96, 165, 220);
/// An AUC below one half.
const MISLEADING: RGBColor = RGBColor(245, 205, 170);
/// Numbers on the coloured cells, whose colours do not depend on the page.
const NUMBER: RGBColor = RGBColor(0, 0, 0);

impl Board<'_> {
    fn names_width(&self, layout: Layout) -> i32 {
        let widths =
            self.board.rows.iter().map(|row| text::width(&symbol(&row.predictor), size(layout)));
        MARGIN + widths.max().unwrap_or(0) + px(10)
    }

    fn block_width(&self) -> i32 {
        self.board.grids.len() as i32 * COLUMN
    }

    /// Height of the grids' names, which read upwards.
    fn labels_height(&self, layout: Layout) -> i32 {
        let widths = self.board.grids.iter().map(|grid| text::width(&grid.name, size(layout)));
        widths.max().unwrap_or(0) + px(12)
    }

    fn table_height(&self, layout: Layout) -> i32 {
        HEAD + self.labels_height(layout) + self.board.rows.len() as i32 * ROW
    }

    /// Left and top of a block's cells.
    fn place(&self, index: i32, layout: Layout) -> (i32, i32) {
        let top = TITLE + HEAD + self.labels_height(layout);
        let left = self.names_width(layout);
        match layout {
            Layout::Wide => (left + index * (self.block_width() + GAP), top),
            Layout::Narrow => (left, top + index * (self.table_height(layout) + GAP)),
        }
    }

    fn draw_block(
        &self,
        canvas: &Canvas<'_>,
        block: &Block,
        (left, top): (i32, i32),
        layout: Layout,
    ) -> Result<Vec<Mark>> {
        let labels = self.labels_height(layout);
        text::write(canvas, block.title, (left, top - labels - px(12)), size(layout), HPos::Left)?;
        let mut drawn = Vec::new();
        for (column, grid) in self.board.grids.iter().enumerate() {
            let x = left + column as i32 * COLUMN + COLUMN / 2;
            let half = text::width(&grid.name, size(layout)) / 2;
            text::write_upwards(canvas, &grid.name, (x, top - px(6) - half), size(layout))?;
            let best = self.best(block, column).map(|best| number(block, best));
            for (index, row) in self.board.rows.iter().enumerate() {
                let y = top + index as i32 * ROW + ROW / 2;
                let value = row.cells[column].as_ref().and_then(block.value);
                let Some(value) = value else {
                    text::write(canvas, "–", (x, y), size(layout), HPos::Center)?;
                    continue;
                };
                let rect = Rect {
                    left: x - COLUMN / 2 + px(1),
                    right: x + COLUMN / 2 - px(1),
                    top: y - ROW / 2 + px(1),
                    bottom: y + ROW / 2 - px(1),
                };
                canvas.block(rect, color((block.strength)(value.value)))?;
                let number = number(block, value.value);
                // Equal numbers are framed together.
                if best.as_ref() == Some(&number) {
                    canvas.outline(rect, INK.to_rgba(), px(3) / 2)?;
                }
                text::write_colored(canvas, &number, (x, y), size(layout), NUMBER)?;
                let words = format!(
                    "{} on {}: {} {}",
                    symbol(&row.predictor),
                    grid.name,
                    block.title,
                    estimate(Some(value), 3)
                );
                drawn.push(Mark { x, y, text: words });
            }
        }
        Ok(drawn)
    }

    /// The best value of a column, trivial baselines included; `None` without values.
    fn best(&self, block: &Block, column: usize) -> Option<f64> {
        let value = |row: &Row| Some((block.value)(row.cells[column].as_ref()?)?.value);
        let values = self.board.rows.iter().filter_map(value);
        if block.smaller { values.reduce(f64::min) } else { values.reduce(f64::max) }
    }
}

fn number(block: &Block, value: f64) -> String {
    format!("{:.*}", block.digits, value)
}

/// Median over grids of a predictor's cost relative to a training.
pub(crate) fn median_cost(row: &Row) -> Option<f64> {
    let mut costs: Vec<f64> = row.cells.iter().flatten().filter_map(|cell| cell.cost).collect();
    costs.sort_by(f64::total_cmp);
    let middle = costs.len() / 2;
    match costs.len() {
        0 => None,
        even if even % 2 == 0 => Some(f64::midpoint(costs[middle - 1], costs[middle])),
        _ => Some(costs[middle]),
    }
}

const fn size(layout: Layout) -> i32 {
    layout.text() * 12 / 13
}

fn color(strength: f64) -> RGBAColor {
    let (end, strength) =
        if strength < 0.0 { (MISLEADING, 1.0) } else { (GOOD, strength.min(1.0)) };
    let mix = |channel: u8| (255.0 + strength * (f64::from(channel) - 255.0)) as u8;
    RGBColor(mix(end.0), mix(end.1), mix(end.2)).to_rgba()
}

impl Figure for Board<'_> {
    fn stem(&self) -> String {
        "scoreboard".to_owned()
    }

    fn title(&self) -> String {
        "Predictors on grids of trained networks".to_owned()
    }

    fn caption(&self) -> String {
        "Left: area under the ROC curve over pairs of networks of equal depth, where 1/2 says nothing. Right: error of the \
         frontier in octaves where the predictor is calibrated on the other grids. The best of each column is framed. \
         The last column is the median over grids of the predictor's seconds relative to a training's."
            .to_owned()
    }

    fn size(&self, layout: Layout) -> (i32, i32) {
        let (blocks, tables) = match layout {
            Layout::Wide => (2 * self.block_width() + GAP, self.table_height(layout)),
            Layout::Narrow => (self.block_width(), 2 * self.table_height(layout) + GAP),
        };
        (self.names_width(layout) + blocks + COST + MARGIN, TITLE + tables + MARGIN)
    }

    fn place(&self) -> PageSection {
        PageSection::FilesOnly
    }

    fn draw(&self, canvas: &mut Canvas<'_>, layout: Layout) -> Result<Hover> {
        let (width, _) = self.size(layout);
        text::write_bold(canvas, &self.title(), (MARGIN, TITLE / 2), layout.text())?;
        let mut drawn = Vec::new();
        for (index, block) in BLOCKS.iter().enumerate() {
            let (left, top) = self.place(index as i32, layout);
            drawn.extend(self.draw_block(canvas, block, (left, top), layout)?);
            let is_last = index + 1 == BLOCKS.len();
            if is_last {
                let heading = (width - MARGIN, top - px(12));
                text::write(canvas, "vs. training", heading, size(layout), HPos::Right)?;
            }
            for (place, row) in self.board.rows.iter().enumerate() {
                let y = top + place as i32 * ROW + ROW / 2;
                if index == 0 || layout == Layout::Narrow {
                    let at = (self.names_width(layout) - px(8), y);
                    text::write(canvas, &symbol(&row.predictor), at, size(layout), HPos::Right)?;
                }
                if is_last {
                    let cost = median_cost(row).map_or("–".to_owned(), share);
                    text::write(canvas, &cost, (width - MARGIN, y), size(layout), HPos::Right)?;
                }
            }
        }
        Ok(Hover { cells: None, marks: drawn })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_fade_with_the_value_and_warn_below_one_half() {
        let auc = |value| color((BLOCKS[0].strength)(value));
        assert_eq!(auc(1.0), GOOD.to_rgba());
        assert_eq!(auc(0.5), RGBColor(255, 255, 255).to_rgba());
        assert_eq!(auc(0.3), MISLEADING.to_rgba());
        let octaves = |value| color((BLOCKS[1].strength)(value));
        assert_eq!(octaves(0.0), GOOD.to_rgba());
        assert_eq!(octaves(3.0), RGBColor(255, 255, 255).to_rgba());
    }
}

//! Theory stage by stage, at grid points whose network has no depth scale.

mod panel;

use isobath_analysis::COSINE;
use isobath_experiment::{GridPoint, file_stem};
use isobath_store::{RunRecord, StageRecord, StagesRecord, TheoryRecord};
use plotters::style::{Color, RGBAColor};

use self::panel::{Panel, Quantity};
use super::{
    Figure, Hover, Layout, PageSection,
    canvas::{Canvas, Rect, px},
    legend::{self, Entry, Sample},
    marks::Dash,
    palette,
};
use crate::{
    Result,
    numbers::{short, variance},
    places::point_words,
    vocabulary::count,
};

/// Lengths, correlations and gradients of one of the networks that a grid compares.
pub(super) struct StageTheory<'a> {
    run: &'a RunRecord,
    variant: usize,
    curves: Vec<Curve<'a>>,
    /// Points without a depth scale; more than curves if they are thinned.
    points: usize,
}

/// Theory at one point of the grid.
struct Curve<'a> {
    record: &'a StagesRecord,
    label: String,
    color: RGBAColor,
    /// One pattern per bias variance.
    dash: Dash,
}

/// Panels of the figure.
const QUANTITIES: [Quantity; 3] = [
    Quantity { label: "ln q", value: |stage| Some(stage.ln_q), has_band: true },
    Quantity { label: "correlation c", value: |stage| stage.c, has_band: false },
    Quantity { label: "ln gradient", value: |stage| Some(stage.ln_gradient), has_band: false },
];

/// Standard errors to each side of a curve that its band covers.
const BAND_ERRORS: f64 = 2.0;

impl<'a> StageTheory<'a> {
    /// One figure for each network with theory of any stage.
    pub(super) fn of(run: &'a RunRecord) -> Vec<Self> {
        (0..run.variants.len()).filter_map(|variant| Self::of_variant(run, variant)).collect()
    }

    fn of_variant(run: &'a RunRecord, variant: usize) -> Option<Self> {
        let is_shown =
            |found: &&StagesRecord| found.point.variant == variant && !found.stages.is_empty();
        let records: Vec<&StagesRecord> = run.stages.iter().filter(is_shown).collect();
        let mut biases: Vec<GridPoint> = records.iter().map(|record| record.point).collect();
        biases.dedup_by(|a, b| a.shares_slice(b));
        let curve = |(index, record): (usize, &&'a StagesRecord)| Curve {
            record,
            label: label(run, record.point, biases.len() > 1),
            color: color(index, records.len()),
            dash: Dash::of(biases.iter().position(|b| b.shares_slice(&record.point)).unwrap_or(0)),
        };
        let curves: Vec<_> = records.iter().enumerate().map(curve).collect();
        let has_none = |theory: &&TheoryRecord| {
            theory.point.variant == variant
                && theory.first_stage.is_none()
                && theory.growth.is_none()
        };
        let points = run.theory.iter().filter(has_none).count();
        (!curves.is_empty()).then_some(Self { run, variant, curves, points })
    }

    fn legend(&self) -> Vec<Entry> {
        let curve = |curve: &Curve<'_>| Entry {
            sample: Sample::Colored(curve.color, curve.dash, px(2)),
            label: curve.label.clone(),
        };
        let mut entries: Vec<_> = self.curves.iter().map(curve).collect();
        if self.has_bands() {
            let label = format!("band of ln q: ± {BAND_ERRORS} standard errors");
            entries.push(Entry { sample: Sample::Band, label });
        }
        let mut gaps: Vec<&(usize, String)> = Vec::new();
        for gap in self.curves.iter().filter_map(|curve| curve.record.unknown.as_ref()) {
            if !gaps.contains(&gap) {
                gaps.push(gap);
            }
        }
        entries.extend(gaps.into_iter().map(|(stage, reason)| Entry {
            sample: Sample::NoResult,
            label: format!("unknown from stage {stage}: {reason}"),
        }));
        entries
    }

    fn has_bands(&self) -> bool {
        let mut stages = self.curves.iter().flat_map(|curve| &curve.record.stages);
        stages.any(|stage| stage.sampling_error.is_some())
    }

    /// First stage of which no curve is known.
    fn gap(&self) -> Option<usize> {
        let unknown = |curve: &Curve<'_>| curve.record.unknown.as_ref().map(|(stage, _)| *stage);
        self.curves.iter().map(unknown).collect::<Option<Vec<_>>>()?.into_iter().max()
    }

    /// Last stage before the readout.
    fn last_stage(&self) -> usize {
        let known = self.curves.iter().map(|curve| curve.record.stages.len()).max();
        known.unwrap_or(1).max(self.run.depth - 1)
    }
}

/// `σ_w² = 1.5`, with the bias variance where there are several.
fn label(run: &RunRecord, point: GridPoint, has_biases: bool) -> String {
    if run.scheme(point).is_some() {
        return point_words(run, point);
    }
    let weights = format!("σ_w² = {}", variance(point.sigma_w2));
    if has_biases { format!("{weights}, σ_b² = {}", variance(point.sigma_b2)) } else { weights }
}

/// Dark to bright over the curves, without the brightest colours, which are too pale for a white page.
fn color(index: usize, curves: usize) -> RGBAColor {
    palette::heat(0.85 * index as f64 / (curves - 1).max(1) as f64).to_rgba()
}

impl Figure for StageTheory<'_> {
    fn stem(&self) -> String {
        match self.run.variants.get(self.variant).filter(|_| self.run.has_variants()) {
            Some(variant) => format!("theory-stages-{}", file_stem(&variant.name)),
            None => "theory-stages".into(),
        }
    }

    fn title(&self) -> String {
        match self.run.variants.get(self.variant).filter(|_| self.run.has_variants()) {
            Some(variant) => format!("Theory stage by stage: {}", variant.name),
            None => "Theory stage by stage".into(),
        }
    }

    fn caption(&self) -> String {
        let points = match self.points {
            points if points > self.curves.len() => {
                format!("{} of {points} grid points", self.curves.len())
            }
            points => count(points, "grid point"),
        };
        let bands = if self.has_bands() {
            " Stages without a closed form are sampled; their correlations and gradients have errors of similar size."
        } else {
            ""
        };
        format!(
            "{points} where mean-field theory has no depth scale ξ_c. Lines: theory of each stage before the readout for \
             two inputs of noise with mean square 1 and cosine {}. q is the mean square of the stage's pre-activations, c \
             their correlation between the two inputs, and the gradient is the mean square of the loss's derivative with \
             respect to them, relative to the readout.{bands}",
            short(COSINE)
        )
    }

    fn size(&self, layout: Layout) -> (i32, i32) {
        let entries = self.legend().len() as i32;
        match layout {
            Layout::Wide => (px(860), px(350) + px(20) * (entries + 3) / 4),
            Layout::Narrow => (px(360), px(760) + px(18) * entries),
        }
    }

    fn place(&self) -> PageSection {
        PageSection::Evidence
    }

    fn draw(&self, canvas: &mut Canvas<'_>, layout: Layout) -> Result<Hover> {
        let (width, height) = self.size(layout);
        let top = legend::draw(canvas, &self.title(), &self.legend(), width, layout)?;
        let room =
            Rect { left: px(4), top: top + px(4), right: width - px(4), bottom: height - px(2) };
        let mut hover = Hover::default();
        for (index, quantity) in QUANTITIES.iter().enumerate() {
            let outer = room.part(index as i32, QUANTITIES.len() as i32, layout);
            let panel = Panel { figure: self, quantity };
            hover.marks.extend(panel.draw(canvas, outer, layout)?);
        }
        Ok(hover)
    }
}

#[cfg(test)]
mod tests;

//! Cells of a run grouped into points of the phase diagram.

use std::collections::BTreeMap;

use isobath_entropy::{EstimatorSpec, cutoff::CutoffRule};
use isobath_experiment::GridPoint;
use isobath_store::{
    CellRecord, CutoffRecord, GalleryRecord, OverlayRecord, RunRecord, SliceTheory, TheoryRecord,
};

use crate::spread::Spread;

/// Slice of the phase diagram: all points that share a network and a `sigma_b2`, by ascending `sigma_w2`.
pub struct Slice<'a> {
    /// Index of the network in [`RunRecord::variants`].
    pub variant: usize,
    /// Bias variance.
    pub sigma_b2: f64,
    /// Critical weight variance, if it exists.
    pub critical: Option<f64>,
    /// Theory curves.
    pub overlays: &'a [OverlayRecord],
    /// Points of the slice.
    pub points: Vec<Point<'a>>,
}

/// Point of the phase diagram: all initialisations that share their variances.
pub struct Point<'a> {
    /// Variances of the point.
    pub id: GridPoint,
    /// Mean-field theory, if known.
    pub theory: Option<&'a TheoryRecord>,
    /// Computed cells, failures included.
    pub cells: Vec<&'a CellRecord>,
    /// Phase of the point.
    pub phase: Phase,
}

/// Side of the critical line, or the line itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Inputs converge: `chi_1 < 1`.
    Ordered,
    /// On the line: `chi_1 = 1` within the tolerance of [`isobath_meanfield::Phase`].
    Critical,
    /// Inputs diverge: `chi_1 > 1`.
    Chaotic,
    /// Theory gives no answer.
    Unknown,
}

/// Depth that information reaches at one point.
#[derive(Clone, Debug, PartialEq)]
pub enum Reach {
    /// Within the network.
    Measured {
        /// Depth in layers over initialisations; those beyond the network count with its depth, as lower limits.
        depth: Spread,
        /// Number of initialisations beyond the network, fewer than half.
        beyond: usize,
        /// Number of initialisations whose depth is a lower bound.
        unconverged: usize,
        /// Number of initialisations with a result.
        seeds: usize,
    },
    /// Beyond the network, for at least half of the initialisations.
    Beyond {
        /// Number of initialisations beyond the network.
        beyond: usize,
        /// Number of initialisations with a result.
        seeds: usize,
    },
    /// No initialisation has a result.
    Unknown {
        /// Reason, if one was recorded.
        note: Option<String>,
    },
}

/// Slices of `run`, by variant and ascending `sigma_b2`. They include planned points that are not computed yet.
pub fn slices(run: &RunRecord) -> Vec<Slice<'_>> {
    let theory = run.theory.iter().map(|theory| theory.point);
    let cells = run.cells.iter().map(|record| record.cell.point);
    let is_finite = |point: &GridPoint| point.sigma_w2.is_finite() && point.sigma_b2.is_finite();
    let mut points: BTreeMap<GridPoint, Point<'_>> =
        theory.chain(cells).filter(is_finite).map(|id| (id, Point::empty(run, id))).collect();
    for record in &run.theory {
        if let Some(point) = points.get_mut(&record.point) {
            point.theory = Some(record);
            point.phase = phase(record.chi_1).unwrap_or(point.phase);
        }
    }
    for record in &run.cells {
        if let Some(point) = points.get_mut(&record.cell.point) {
            point.cells.push(record);
        }
    }
    let mut slices: Vec<Slice<'_>> = Vec::new();
    for point in points.into_values() {
        match slices.last_mut() {
            Some(slice) if slice.contains(point.id) => slice.points.push(point),
            _ => slices.push(Slice::starting(run, point)),
        }
    }
    slices
}

impl<'a> Slice<'a> {
    fn starting(run: &'a RunRecord, point: Point<'a>) -> Self {
        let curves = run.curves(point.id);
        Self {
            variant: point.id.variant,
            sigma_b2: point.id.sigma_b2,
            critical: curves.and_then(critical),
            overlays: curves.map_or(&[], |curves| &curves.overlays),
            points: vec![point],
        }
    }

    /// True if `point` belongs to the slice.
    pub fn contains(&self, point: GridPoint) -> bool {
        point.shares_slice(&self.id())
    }

    /// A point of the slice, with `sigma_w2 = 0`.
    pub const fn id(&self) -> GridPoint {
        GridPoint { variant: self.variant, sigma_w2: 0.0, sigma_b2: self.sigma_b2 }
    }

    /// Selects up to `count` points that satisfy `has`, on both sides of the critical line and as close to it as
    /// possible, ascending.
    pub fn representative(
        &self,
        count: usize,
        has: impl Fn(&Point<'a>) -> bool,
    ) -> Vec<&Point<'a>> {
        let candidates: Vec<_> = self.points.iter().filter(|point| has(point)).collect();
        let mut chosen = match self.nearest(&candidates) {
            _ if candidates.len() <= count => (0..candidates.len()).collect(),
            Some(nearest) => around(nearest, candidates.len(), count),
            None => evenly(0, candidates.len(), count),
        };
        chosen.sort_unstable();
        chosen.dedup();
        chosen.into_iter().map(|index| candidates[index]).collect()
    }

    /// Role of each of `points`: its phase, or the neighbourhood of the critical line for the closest one.
    pub fn roles(&self, points: &[&Point<'a>]) -> Vec<&'static str> {
        let nearest = self.nearest(points);
        let role = |(index, point): (usize, &&Point<'a>)| match nearest {
            Some(nearest) if nearest == index && points.len() > 1 => match point.phase {
                Phase::Ordered => "ordered, nearest to the critical line",
                Phase::Critical => "critical",
                Phase::Chaotic => "chaotic, nearest to the critical line",
                Phase::Unknown => "nearest to the critical line",
            },
            _ => point.phase.name(),
        };
        points.iter().enumerate().map(role).collect()
    }

    /// Index of the one of `points` closest to the critical line.
    fn nearest(&self, points: &[&Point<'a>]) -> Option<usize> {
        let line = self.critical?;
        let distance = |index: &usize| (points[*index].id.sigma_w2 - line).abs();
        (0..points.len()).min_by(|a, b| distance(a).total_cmp(&distance(b)))
    }
}

impl<'a> Point<'a> {
    fn empty(run: &RunRecord, id: GridPoint) -> Self {
        let line = run.curves(id).and_then(critical);
        // Near the line, chi_1 is proportional to the weight variance.
        let phase = phase(line.map(|line| id.sigma_w2 / line)).unwrap_or(Phase::Unknown);
        Self { id, theory: None, cells: Vec::new(), phase }
    }

    /// Depth scale of correlations in layers, if finite.
    pub fn xi_c(&self) -> Option<f64> {
        self.theory.and_then(|theory| theory.xi_c).filter(|xi_c| xi_c.is_finite() && *xi_c > 0.0)
    }

    /// Depth that theory gives for `rule`: from the input, or the depth scale itself where the rule measures a scale.
    pub fn theory_depth(&self, rule: CutoffRule) -> Option<f64> {
        let descriptor = rule.descriptor();
        let depth = descriptor.theory_factor * self.xi_c()?;
        let first = self.theory.and_then(|theory| theory.first_stage).unwrap_or(1);
        let before = if descriptor.is_scale { 0 } else { first - 1 };
        Some(before as f64 + depth)
    }

    /// Profile of `estimator` over initialisations, first layer first; shorter than the network or empty after
    /// failures.
    pub fn profile(&self, estimator: EstimatorSpec) -> Vec<Option<Spread>> {
        let all = self.cells.iter().flat_map(|record| &record.profiles);
        let profiles: Vec<_> = all.filter(|profile| profile.estimator == estimator).collect();
        let layers = profiles.iter().map(|profile| profile.layers.len()).max().unwrap_or(0);
        let at =
            |index: usize| profiles.iter().filter_map(move |profile| profile.layers.get(index));
        (0..layers)
            .map(|index| Spread::of(at(index).map(|layer| (layer.value, layer.interval))))
            .collect()
    }

    /// True if any initialisation has a profile of `estimator`.
    pub fn has_profile(&self, estimator: EstimatorSpec) -> bool {
        self.cells
            .iter()
            .any(|record| record.profiles.iter().any(|profile| profile.estimator == estimator))
    }

    /// Cut-off by `rule` on `estimator`'s profile, in a network of `layers` reconstructed layers.
    pub fn reach(&self, estimator: EstimatorSpec, rule: CutoffRule, layers: usize) -> Reach {
        let all = self.cells.iter().flat_map(|record| &record.cutoffs);
        let cutoffs: Vec<_> =
            all.filter(|cutoff| cutoff.estimator == estimator && cutoff.rule == rule).collect();
        let beyond = cutoffs.iter().filter(|cutoff| cutoff.beyond).count();
        let unconverged = cutoffs.iter().filter(|cutoff| cutoff.is_lower_bound).count();
        let depth = |cutoff: &&CutoffRecord| match (cutoff.beyond, cutoff.depth) {
            (true, _) => Some((layers as f64, None)),
            (false, depth) => {
                // What lies beyond the network is not resolved.
                let capped = |(low, high): (f64, f64)| (low, high.min(layers as f64));
                let depth = depth.filter(|depth| depth.is_finite());
                depth.map(|depth| (depth, cutoff.interval.map(capped)))
            }
        };
        let depths: Vec<_> = cutoffs.iter().filter_map(depth).collect();
        let seeds = depths.len();
        match Spread::with_intervals(depths) {
            _ if beyond > 0 && 2 * beyond >= seeds => Reach::Beyond { beyond, seeds },
            Some(depth) => Reach::Measured { depth, beyond, unconverged, seeds },
            None => Reach::Unknown {
                note: self.failure().or(cutoffs.iter().find_map(|cutoff| cutoff.note.clone())),
            },
        }
    }

    /// First layer of the lost range that includes the last of `layers` layers: 95% of the variance or more is lost
    /// there. `None` if the last layer is preserved or was not measured.
    fn lost_by(&self, layers: usize) -> Option<usize> {
        const LOST: f64 = 0.95;
        let is_lost =
            |layer: &Option<Spread>| layer.as_ref().is_some_and(|error| error.mean >= LOST);
        let profile = self.profile(EstimatorSpec::RECONSTRUCTION_ERROR);
        profile.get(layers.checked_sub(1)?).filter(|last| is_lost(last))?;
        Some(profile.iter().rposition(|layer| !is_lost(layer)).map_or(1, |kept| kept + 2))
    }

    /// Layer by which 95% of the variance is lost, if `rule` needs `estimator`'s profile to saturate and it never
    /// does.
    pub fn lost_without_saturation(
        &self,
        estimator: EstimatorSpec,
        rule: CutoffRule,
        layers: usize,
    ) -> Option<usize> {
        let is_beyond = matches!(self.reach(estimator, rule, layers), Reach::Beyond { .. });
        (rule.descriptor().needs_plateau && is_beyond).then(|| self.lost_by(layers))?
    }

    /// Pictures of the first initialisation that has any.
    pub fn pictures(&self) -> &'a [GalleryRecord] {
        self.cells
            .iter()
            .map(|record| record.gallery.as_slice())
            .find(|gallery| !gallery.is_empty())
            .unwrap_or(&[])
    }

    /// Failure of the first failed initialisation.
    pub fn failure(&self) -> Option<String> {
        self.cells.iter().find_map(|record| record.failure.clone())
    }
}

impl Reach {
    /// True if the depth is a lower bound for at least half of the initialisations: more training of the decoders may
    /// deepen it.
    pub fn is_lower_bound(&self) -> bool {
        matches!(self, Self::Measured { unconverged, seeds, .. } if *unconverged > 0 && 2 * unconverged >= *seeds)
    }
}

impl Phase {
    /// Name of the phase, empty if unknown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ordered => "ordered",
            Self::Critical => "critical",
            Self::Chaotic => "chaotic",
            Self::Unknown => "",
        }
    }
}

fn critical(curves: &SliceTheory) -> Option<f64> {
    curves.critical.filter(|line| line.is_finite())
}

fn phase(chi_1: Option<f64>) -> Option<Phase> {
    let chi_1 = chi_1.filter(|chi_1| chi_1.is_finite())?;
    Some(match isobath_meanfield::Phase::of(chi_1) {
        isobath_meanfield::Phase::Ordered => Phase::Ordered,
        isobath_meanfield::Phase::Critical => Phase::Critical,
        isobath_meanfield::Phase::Chaotic => Phase::Chaotic,
    })
}

/// Selects `count` of `0..total`: `middle` and evenly spaced indices on both sides of it.
fn around(middle: usize, total: usize, count: usize) -> Vec<usize> {
    let sides = count.saturating_sub(1);
    let (left, right) = (middle, total - 1 - middle);
    let lower = (sides / 2).min(left).max(sides.saturating_sub(right));
    let upper = (sides - lower).min(right);
    let mut chosen = evenly(0, middle, lower);
    chosen.push(middle);
    // Both sides include their far end.
    chosen.extend(evenly(0, right, upper).into_iter().map(|index| total - 1 - index));
    chosen
}

/// Selects `count` evenly spaced indices of `from..to`, including the first and excluding the end.
fn evenly(from: usize, to: usize, count: usize) -> Vec<usize> {
    (0..count).map(|step| from + step * (to - from) / count.max(1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use isobath_store::synthetic::{Options, run};

    #[test]
    fn points_are_sorted_and_contain_their_seeds() {
        let run = run(&Options { seeds: 3, sigma_w2: vec![2.0, 0.5, 1.0], ..Options::default() });
        let slices = slices(&run);
        let points = &slices[0].points;
        assert_eq!(
            points.iter().map(|point| point.id.sigma_w2).collect::<Vec<_>>(),
            [0.5, 1.0, 2.0]
        );
        assert!(points.iter().all(|point| point.cells.len() == 3));
        assert_eq!((points[0].phase, points[2].phase), (Phase::Ordered, Phase::Chaotic));
    }

    #[test]
    fn phase_is_critical_within_rounding_of_the_line() {
        let mut run = run(&Options { sigma_w2: vec![1.0, 2.0, 3.0, 4.0], ..Options::default() });
        let step = f64::EPSILON;
        for (record, chi_1) in
            run.theory.iter_mut().zip([1.0 - 1e-9, 1.0 - step, 1.0 + step, 1.0 + 1e-9])
        {
            record.chi_1 = Some(chi_1);
        }
        let phases: Vec<_> = slices(&run)[0].points.iter().map(|point| point.phase).collect();
        let critical = Phase::Critical;
        assert_eq!(phases, [Phase::Ordered, critical, critical, Phase::Chaotic]);
    }

    #[test]
    fn variants_have_slices_of_their_own() {
        let run = run(&Options { variants: 2, sigma_b2: vec![0.0, 0.05], ..Options::default() });
        let slices = slices(&run);
        let found: Vec<_> = slices.iter().map(|slice| (slice.variant, slice.sigma_b2)).collect();
        assert_eq!(found, [(0, 0.0), (0, 0.05), (1, 0.0), (1, 0.05)]);
        assert!(slices.iter().all(|slice| slice.critical.is_some() && slice.points.len() == 20));
    }

    #[test]
    fn planned_points_have_no_cells() {
        let mut run = run(&Options::default());
        run.cells.retain(|record| record.cell.point.sigma_w2 > 1.0);
        let slices = slices(&run);
        let empty = slices[0].points.iter().filter(|point| point.cells.is_empty()).count();
        assert!(empty > 0 && empty < slices[0].points.len());
    }

    #[test]
    fn representatives_surround_the_critical_line() {
        let run = run(&Options::default());
        let slices = slices(&run);
        let chosen = slices[0].representative(5, |_| true);
        let line = slices[0].critical.unwrap();
        assert_eq!(chosen.len(), 5);
        assert!(chosen[0].id.sigma_w2 < line && chosen[4].id.sigma_w2 > line);
        let nearest = slices[0]
            .points
            .iter()
            .map(|point| (point.id.sigma_w2 - line).abs())
            .fold(f64::MAX, f64::min);
        assert!(chosen.iter().any(|point| (point.id.sigma_w2 - line).abs() <= nearest));
    }

    #[test]
    fn around_fills_a_short_side_from_the_other() {
        assert_eq!(around(0, 10, 3).len(), 3);
        assert_eq!(around(9, 10, 3).len(), 3);
        assert_eq!(around(5, 10, 1), [5]);
    }

    #[test]
    fn minority_beyond_the_network_counts_with_its_depth() {
        let mut run = run(&Options { seeds: 3, sigma_w2: vec![1.0], ..Options::default() });
        for (index, record) in run.cells.iter_mut().enumerate() {
            for cutoff in &mut record.cutoffs {
                (cutoff.depth, cutoff.beyond) =
                    if index == 0 { (None, true) } else { (Some(10.0), false) };
            }
        }
        let layers = run.layers as f64;
        let expected = Spread { mean: (20.0 + layers) / 3.0, low: 10.0, high: layers };
        let reach = slices(&run)[0].points[0].reach(
            EstimatorSpec::RELATIVE,
            CutoffRule::default(),
            run.layers,
        );
        assert_eq!(reach, Reach::Measured { depth: expected, beyond: 1, unconverged: 0, seeds: 3 });
        for cutoff in &mut run.cells[1].cutoffs {
            cutoff.beyond = true;
        }
        let reach = slices(&run)[0].points[0].reach(
            EstimatorSpec::RELATIVE,
            CutoffRule::default(),
            run.layers,
        );
        assert_eq!(reach, Reach::Beyond { beyond: 2, seeds: 3 });
    }
}

use isobath_store::synthetic::{Options, run};

use super::*;

/// A run of 30 layers at `points` weight variances, none of which has a depth scale, with theory at `shown` of them.
fn without_scales(points: usize, shown: usize) -> RunRecord {
    let sigma_w2 = (1..=points).map(|step| step as f64).collect();
    let mut run = run(&Options { sigma_w2, ..Options::default() });
    run.theory.iter_mut().for_each(|theory| theory.first_stage = None);
    for theory in run.theory.iter().take(shown) {
        let stage = |stage: usize| StageRecord {
            stage,
            ln_q: 0.25 * stage as f64,
            c: (stage > 1).then_some(0.5),
            ln_gradient: 30.0 - stage as f64,
            sampling_error: None,
        };
        let stages = (1..=29).map(stage).collect();
        run.stages.push(StagesRecord { point: theory.point, stages, unknown: None });
    }
    run
}

#[test]
fn runs_with_depth_scales_have_no_such_figure() {
    assert!(StageTheory::of(&run(&Options::default())).is_empty());
}

#[test]
fn each_quantity_has_its_panel() {
    let run = without_scales(1, 1);
    let figures = StageTheory::of(&run);
    let drawing = super::super::draw(&figures[0], Layout::Wide).unwrap();
    let marks = &drawing.hover.marks;
    // Correlations are missing at the first stage.
    assert_eq!(marks.len(), 29 + 28 + 29);
    assert_eq!(marks[3].text, "σ_w² = 1; stage 4: ln q = 1");
    assert_eq!(marks[29].text, "σ_w² = 1; stage 2: correlation c = 0.5");
    let [first, last] = [&marks[0], &marks[28]];
    assert!(last.x > first.x && last.y < first.y, "ln q grows");
    let [first, last] = [&marks[57], &marks[85]];
    assert!(last.x > first.x && last.y > first.y, "gradients grow towards the input");
    assert!(marks[57].x > marks[29].x && marks[29].x > marks[0].x, "panels are side by side");
}

#[test]
fn thinned_points_are_counted_in_the_caption() {
    let run = without_scales(40, 12);
    let figures = StageTheory::of(&run);
    let caption = figures[0].caption();
    assert!(caption.starts_with("12 of 40 grid points where"), "{caption}");
    for layout in [Layout::Wide, Layout::Narrow] {
        super::super::draw(&figures[0], layout).unwrap();
    }
}

#[test]
fn errors_are_bands_and_gaps_have_their_reason() {
    let mut run = without_scales(2, 2);
    for record in &mut run.stages {
        record.stages.truncate(9);
        record.stages[8].ln_q = f64::NEG_INFINITY;
        record.stages[3].sampling_error = Some(0.5);
        record.unknown = Some((10, "its law is not known".into()));
    }
    let figures = StageTheory::of(&run);
    assert_eq!((figures[0].gap(), figures[0].last_stage()), (Some(10), 29));
    let drawing = super::super::draw(&figures[0], Layout::Wide).unwrap();
    let svg = drawing.to_svg();
    for part in ["band of ln q: ± 2 standard errors", "unknown from stage 10: its law is not known"]
    {
        assert!(svg.contains(part), "{part}");
    }
    assert!(!svg.contains("NaN") && !svg.contains("inf"));
    // The infinite length of the ninth stage is not drawn.
    let lengths = drawing.hover.marks.iter().filter(|mark| mark.text.contains("ln q"));
    assert_eq!(lengths.count(), 2 * 8);
}

#[test]
fn networks_without_any_known_stage_have_no_figure() {
    let mut run = without_scales(1, 1);
    run.stages[0].stages.clear();
    assert!(StageTheory::of(&run).is_empty());
}

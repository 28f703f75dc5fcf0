//! Words for the unit of a run's depth and for networks without theory.

use isobath_experiment::NetworkKind;
use isobath_store::{RunRecord, VariantRecord};

use crate::numbers::depth;

/// Label of an axis of profile depths: `depth (layers)`.
pub(crate) fn profile_axis(run: &RunRecord) -> String {
    format!("depth ({})", run.kind.depth_unit().of_profiles())
}

/// Label of an axis of the depths of trained networks: `depth (weight layers)`.
pub(crate) fn network_axis(run: &RunRecord) -> String {
    format!("depth ({})", run.kind.depth_unit().of_networks())
}

/// Unit of the depths in a profile, for one and as a plural: `layer`, `layers`.
pub(crate) fn profile_units(run: &RunRecord) -> [&'static str; 2] {
    let plural = run.kind.depth_unit().of_profiles();
    [plural.trim_end_matches('s'), plural]
}

/// `1 layer`, `2.5 layers`, `3 stages`: a depth in a profile.
pub(crate) fn profile_depth(run: &RunRecord, number: f64) -> String {
    counted(number, run.kind.depth_unit().of_profiles())
}

/// `1 weight layer`, `3 stages`: the depth of a network.
pub(crate) fn network_depth(run: &RunRecord, number: f64) -> String {
    counted(number, run.kind.depth_unit().of_networks())
}

fn counted(number: f64, plural: &str) -> String {
    let number = depth(number);
    let unit = if number == "1" { plural.trim_end_matches('s') } else { plural };
    format!("{number} {unit}")
}

/// Sentences about depth and theory that multilayer perceptrons do not need.
pub(crate) fn sentences(run: &RunRecord) -> Vec<String> {
    let counts = match run.kind {
        NetworkKind::Mlp => None,
        NetworkKind::Cnn | NetworkKind::Resnet | NetworkKind::Layers => {
            Some(format!("Depth counts {}.", run.kind.depth_counts()))
        }
    };
    counts.into_iter().chain(first_stages(run)).chain(theory_gaps(run)).collect()
}

/// One sentence for each stage after the first from which theory counts depths.
fn first_stages(run: &RunRecord) -> Vec<String> {
    let later = run.theory.iter().filter_map(|theory| theory.first_stage);
    let stages: std::collections::BTreeSet<usize> = later.filter(|&stage| stage > 1).collect();
    let sentence = |stage: usize| {
        format!(
            "Theory counts depths from stage {stage}, the first of the equal layers that make up the deep part of the \
             network; depth scales are theirs."
        )
    };
    stages.into_iter().map(sentence).collect()
}

/// One sentence for each reason why theory has no depth scale.
fn theory_gaps(run: &RunRecord) -> Vec<String> {
    let mut reasons: Vec<&str> = Vec::new();
    for reason in run.variants.iter().filter_map(|variant| variant.theory_gap.as_deref()) {
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    let sentence = |reason: &str| {
        let has_reason = |variant: &&VariantRecord| variant.theory_gap.as_deref() == Some(reason);
        let without: Vec<_> = run.variants.iter().filter(has_reason).collect();
        let names: Vec<&str> = without.iter().map(|variant| variant.name.as_str()).collect();
        let of = if without.len() == run.variants.len() {
            String::new()
        } else {
            format!(" for {}", names.join("; "))
        };
        format!("Charts show no depth scale of mean-field theory{of}: {reason}.")
    };
    reasons.into_iter().map(sentence).collect()
}

#[cfg(test)]
mod tests {
    use isobath_store::synthetic::{Options, run};

    use super::*;

    #[test]
    fn perceptrons_need_no_sentence() {
        let run = run(&Options::default());
        assert!(sentences(&run).is_empty());
        assert_eq!(profile_axis(&run), "depth (layers)");
        assert_eq!(network_axis(&run), "depth (weight layers)");
    }

    #[test]
    fn later_first_stages_are_named() {
        let mut run = run(&Options::default());
        run.theory.iter_mut().for_each(|theory| theory.first_stage = Some(4));
        let [sentence] = &sentences(&run)[..] else { panic!("one sentence") };
        assert!(sentence.starts_with("Theory counts depths from stage 4, the first"), "{sentence}");
    }

    #[test]
    fn other_networks_say_what_depth_counts_and_why_theory_is_absent() {
        let mut run = run(&Options { variants: 2, ..Options::default() });
        run.kind = NetworkKind::Resnet;
        run.variants[1].theory_gap = Some("of a reason".into());
        let [counts, gap] = &sentences(&run)[..] else { panic!("two sentences") };
        assert!(counts.starts_with("Depth counts stages: each layer of the stem"), "{counts}");
        assert_eq!(
            gap,
            "Charts show no depth scale of mean-field theory for width 785: of a reason."
        );
        assert_eq!(network_axis(&run), "depth (stages)");
        run.variants[0].theory_gap = Some("of a reason".into());
        assert_eq!(
            sentences(&run)[1],
            "Charts show no depth scale of mean-field theory: of a reason."
        );
    }
}

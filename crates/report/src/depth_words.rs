//! What the depth of a run counts, and the networks without theory, in words.

use isobath_experiment::NetworkKind;
use isobath_store::{RunRecord, VariantRecord};

/// Label of an axis of profile depths: `depth (layers)`.
pub(crate) fn profile_axis(run: &RunRecord) -> String {
    format!("depth ({})", run.kind.depth_unit().of_profiles())
}

/// Label of an axis of the depths of trained networks: `depth (weight layers)`.
pub(crate) fn network_axis(run: &RunRecord) -> String {
    format!("depth ({})", run.kind.depth_unit().of_networks())
}

/// Sentences about depth and theory that multilayer perceptrons do not need.
pub(crate) fn sentences(run: &RunRecord) -> Vec<String> {
    let counts = match run.kind {
        NetworkKind::Mlp => None,
        NetworkKind::Cnn | NetworkKind::Resnet | NetworkKind::Layers => {
            Some(format!("Depth counts {}.", run.kind.depth_counts()))
        }
    };
    counts.into_iter().chain(theory_gaps(run)).collect()
}

/// One sentence for each reason why theory says nothing.
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
        format!("Mean-field theory is not shown{of}: {reason}.")
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
    fn other_networks_say_what_depth_counts_and_why_theory_is_absent() {
        let mut run = run(&Options { variants: 2, ..Options::default() });
        run.kind = NetworkKind::Resnet;
        run.variants[1].theory_gap = Some("of a reason".into());
        let [counts, gap] = &sentences(&run)[..] else { panic!("two sentences") };
        assert!(counts.starts_with("Depth counts stages: each layer of the stem"), "{counts}");
        assert_eq!(gap, "Mean-field theory is not shown for width 785: of a reason.");
        assert_eq!(network_axis(&run), "depth (stages)");
        run.variants[0].theory_gap = Some("of a reason".into());
        assert_eq!(sentences(&run)[1], "Mean-field theory is not shown: of a reason.");
    }
}

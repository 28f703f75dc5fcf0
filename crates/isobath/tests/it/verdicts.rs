//! Cut-offs that look certain must be right: nothing is concluded from decoders that did not learn.

use crate::common::Place;

/// A network of few samples, without an `[entropy]` section.
const EXPERIMENT: &str = r#"
name = "b"
[data]
dataset = "digits"
train = 640
probe = 20
[network]
depth = 4
width = 32
[grid]
sigma_w2 = 1.5
sigma_b2 = 0.05
[report]
formats = ["csv"]
"#;

fn verdict(settings: &[&str]) -> String {
    let place = Place::with(EXPERIMENT);
    let mut arguments = vec!["run", "tiny.toml"];
    arguments.extend(settings.iter().flat_map(|setting| ["--set", *setting]));
    place.succeed(&arguments)
}

const DEEP: [&str; 4] =
    ["network.depth=20", "network.width=64", "data.train=3200", "data.probe=50"];

const RULES: [&str; 4] = [
    "entropy.cutoff={ rule = \"saturation\" }",
    "entropy.cutoff={ rule = \"saturation-published\", skip_last = 0 }",
    "entropy.cutoff={ rule = \"decay\" }",
    "entropy.estimators=[\"reconstruction-error\"]",
];

#[test]
fn no_rule_concludes_from_untrained_decoders() {
    for rule in RULES {
        let relative = "entropy.estimators=[\"relative\"]";
        for few in ["cascade.max_steps=1", "data.train=1", "data.train=640"] {
            let text = verdict(&[relative, rule, few]);
            assert!(text.contains("no measurable cut-off"), "{rule}, {few}: {text}");
            assert!(text.contains("not decoded"), "{rule}, {few}: {text}");
        }
    }
}

#[test]
fn constant_activations_keep_nothing() {
    for (setting, words) in [
        ("grid.sigma_w2=1e-6", "not decoded"),
        ("grid.sigma_w2=1e-30", "lost in the first layer"),
        ("network.width=1", "not decoded"),
    ] {
        let text = verdict(&[&DEEP[..], &[setting]].concat());
        assert!(text.contains(words) && !text.contains("keep information"), "{setting}: {text}");
    }
}

#[test]
fn cutoffs_that_grow_with_the_training_are_lower_bounds() {
    let settings = ["network.width=256", "data.train=9600", "network.depth=20"];
    let text = verdict(&settings);
    assert!(text.contains("at least down to layer") && text.contains("is a lower bound"), "{text}");
}

#[test]
fn invertible_layers_that_decoders_lose_are_lower_bounds() {
    // Rotations that grow lose nothing, but trained decoders do not follow the growth.
    let settings = [
        "network.activation=linear",
        "network.init=orthogonal",
        "network.width=96",
        "network.depth=17",
        "data.train=6400",
        "cascade.batch=8",
        "grid.sigma_w2=4.0",
    ];
    let text = verdict(&settings);
    assert!(text.contains("at least down to layer"), "{text}");
    assert!(text.contains("a linear decoder still reads the input from layer 16"), "{text}");
}

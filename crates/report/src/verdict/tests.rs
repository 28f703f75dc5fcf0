use std::fs;

use super::*;

fn report() -> VerdictReport {
    VerdictReport {
        name: "net.toml".into(),
        facts: vec!["3 layers".into(), "sgd 0.01".into()],
        sentence: "does not train: P = 0.04".into(),
        probability: Some([0.04, 0.01, 0.125]),
        basis: "P is calibrated on 10 trainings".into(),
        reasons_title: "why".into(),
        reasons: vec![Reason { sentence: "the signal <vanishes>".into(), layer: Some(2) }],
        alternatives: Some(vec![Alternative {
            change: "another rate".into(),
            options: "--set 'train.optimizer={}'".into(),
            probability: [0.9, 0.8, 0.95],
        }]),
        advice: vec!["learning rates from 0.1 to 1 train it".into()],
        trainings: vec![Training {
            network: "as described".into(),
            predicted: None,
            result: "diverged after 3 steps".into(),
            accuracy: None,
        }],
        profile: LayerValues { depth: 3, mean_square: vec![1.0; 3], ..LayerValues::default() },
        command: "isobath predict net.toml --report net.html".into(),
    }
}

#[test]
fn the_page_says_everything_and_loads_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_verdict(&report(), &folder.path().join("new").join("net.html")).unwrap();
    let page = fs::read_to_string(path).unwrap();
    for part in [
        "Does not train: P = 0.04.",
        "left:1.0%;width:11.5%",
        "left:4.0%",
        "P is calibrated on 10 trainings.",
        "<h2>Why</h2>",
        "The signal &lt;vanishes&gt;.",
        "Another rate",
        "0.80 to 0.95",
        "--set 'train.optimizer={}'",
        "Learning rates from 0.1 to 1 train it.",
        "not known",
        "diverged after 3 steps",
        "no. 1",
        "isobath predict net.toml",
    ] {
        assert!(page.contains(part), "{part} is not in the page");
    }
    for part in ["src=\"http", "href=\"http", "url("] {
        assert!(!page.contains(part), "{part}");
    }
}

#[test]
fn what_was_not_done_is_not_on_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let bare = VerdictReport {
        probability: None,
        reasons: Vec::new(),
        alternatives: None,
        trainings: Vec::new(),
        ..report()
    };
    let path = write_verdict(&bare, &folder.path().join("net.html")).unwrap();
    let page = fs::read_to_string(path).unwrap();
    assert!(page.contains("Nothing unusual was found at initialisation."));
    for part in ["class=\"gauge\"", "<h2>Alternatives", "<h2>Verified"] {
        assert!(!page.contains(part), "{part}");
    }
}

#[test]
fn errors_name_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let error = write_verdict(&report(), folder.path()).unwrap_err();
    assert!(format!("{error}").contains(&folder.path().display().to_string()), "{error}");
}

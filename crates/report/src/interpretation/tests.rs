use super::*;

/// Three layers on images of 2 x 2 pixels, the last one without a decoder.
fn example() -> Interpretation {
    let row = |name: &str, error| LayerRow {
        name: name.to_owned(),
        output: "4 x 2 x 2".into(),
        error,
        interval: Some([error - 0.01, error + 0.01]),
        linear: None,
    };
    let image = vec![0.0, 0.25, 0.5, 1.0];
    let sample = |class: &str, predicted: &str| Sample {
        class: class.to_owned(),
        predicted: Some(predicted.to_owned()),
        pixels: image.clone(),
    };
    Interpretation {
        name: "small".into(),
        facts: vec![("data".into(), "digits".into())],
        command: "cargo xtask interpret x.toml".into(),
        correct: Some([1, 2]),
        shape: [1, 2, 2],
        layers: vec![row("conv 3x3", 0.05), row("max pool 2x2", 0.4)],
        uncovered: vec!["layer 3 (dense)".into()],
        samples: vec![sample("1", "1"), sample("2", "1")],
        reconstructions: vec![Reconstructions { layer: 2, images: vec![image.clone(); 2] }],
        prototypes: Prototypes {
            source: PrototypeSource::ClassMean(2),
            images: vec![("one".into(), image.clone()), ("two".into(), image.clone())],
            classes: 2,
        },
        channels: vec![Channels {
            layer: 1,
            total: 4,
            whole: image.clone(),
            none: image.clone(),
            images: vec![(3, image.clone())],
        }],
    }
}

#[test]
fn sentences_name_the_layers_where_most_is_lost() {
    let text = sentences(&example()).join(" ");
    for part in [
        "1 of 2 held-out samples correctly (50.0%)",
        "layer 2 (max pool 2x2), +0.35, from 0.05 to 0.4; layer 1 (conv 3x3), +0.05, from 0 to 0.05",
        "do not cover the readout (layer 3 (dense)); set readout = true",
    ] {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
    assert!(!text.contains("did not learn"), "{text}");
    let mut untrained = example();
    (untrained.layers[0].error, untrained.layers[0].linear) = (0.9, Some(0.2));
    let text = sentences(&untrained).join(" ");
    assert!(text.contains("its error is 0.9, and a linear one has 0.2"), "{text}");
    let covered = Interpretation { uncovered: Vec::new(), correct: None, ..example() };
    let text = sentences(&covered).join(" ");
    assert!(text.contains("cover all layers") && text.contains("no accuracy"), "{text}");
}

#[test]
fn page_has_profile_pictures_and_labels() {
    let folder = tempfile::tempdir().unwrap();
    let files = write(&example(), folder.path()).unwrap();
    let page = std::fs::read_to_string(&files[0]).unwrap();
    // Two samples and their reconstructions, two prototypes, and input, whole, none and one channel.
    assert_eq!(page.matches("<image").count(), 2 + 2 + 2 + 4);
    for part in [
        "as 1\n</text>",
        "id=\"profile\"",
        "id=\"channels\"",
        "behind layer 2",
        "no. 3",
        "figures/prototypes.png",
    ] {
        assert!(page.contains(part), "{part:?} is not on the page");
    }
    assert!(!page.contains("src=\"http") && !page.contains("href=\"http"));
    assert!(files.iter().all(|file| file.is_file()));
}

#[test]
fn samples_that_are_no_images_have_bars_or_a_sentence() {
    let page = |shape| html::interpretation::page(&Interpretation { shape, ..example() }, &[]);
    let bars = page([4, 1, 1]).unwrap();
    assert!(bars.contains("one bar per number") && bars.contains("<image"), "{bars}");
    let none = page([1000, 1, 1]).unwrap();
    assert!(none.contains("1000 numbers are too many for bars") && !none.contains("<image"));
}

#[test]
fn json_has_errors_and_losses() {
    let value = json(&example());
    assert_eq!(value["layers"][1]["layer"], 2);
    assert!((value["layers"][1]["lost"].as_f64().unwrap() - 0.35).abs() < 1e-12);
    assert_eq!(value["prototypes"]["class_means_of_layer"], 2);
    assert_eq!((&value["correct"], &value["samples"]), (&1.into(), &2.into()));
}

//! The command `meanfield` and its figures.
#![expect(clippy::unwrap_used, reason = "a test")]

use crate::common::Place;
use serde_json::Value;

fn json(place: &Place, arguments: &[&str]) -> Value {
    let text = place.succeed(&[&["meanfield"], arguments, &["--json"]].concat());
    serde_json::from_str(&text).unwrap()
}

#[track_caller]
fn check(actual: &Value, expected: f64, tolerance: f64) {
    let actual = actual.as_f64().unwrap();
    assert!((actual - expected).abs() <= tolerance, "{actual} instead of {expected}");
}

#[test]
fn ranges_and_architectures() {
    let place = Place::new();
    let points = json(&place, &["--sigma-w2", "1:1.5:0.25"]);
    assert_eq!(points.as_array().unwrap().len(), 3);
    let dropout = json(&place, &["--sigma-w2", "1.5", "--dropout", "0.9"]);
    assert!(dropout["c_star"].as_f64().unwrap() < 0.5 && dropout["xi_c"].is_number());
    let convolution = json(&place, &["--sigma-w2", "1.3", "--conv", "3x3", "--image", "4x4"]);
    let modes = convolution["modes"].as_array().unwrap();
    assert_eq!(modes.len(), 12);
    check(&modes[0]["xi_c"], 7.83407, 1e-5);
    let isometry = json(&place, &["--sigma-w2", "1.5", "--weights", "orthogonal", "--depth", "7"]);
    check(&isometry["jacobian"]["ln_mean"], 7.0 * isometry["chi_1"].as_f64().unwrap().ln(), 1e-12);
    let residual = json(&place, &["--sigma-w2", "1,2", "--residual", "--depth", "9"]);
    assert_eq!(residual[1]["layers"].as_array().unwrap().len(), 9);
    assert_eq!(residual[0]["laws"]["gradient"]["law"], "root-exponential");
    let late = json(&place, &["--sigma-w2", "3", "--residual", "post-activation"]);
    assert!(late[0]["chi"].as_f64().unwrap() > 1.0);
}

#[test]
fn critical_points() {
    let place = Place::new();
    let one = place.succeed(&["meanfield", "critical", "--json"]);
    let one: Value = serde_json::from_str(&one).unwrap();
    check(&one["sigma_w2"], 1.76095, 1e-5);
    let line = place.succeed(&["meanfield", "critical", "--sigma-b2", "0:0.1:0.05", "--json"]);
    let line: Value = serde_json::from_str(&line).unwrap();
    check(&line[1]["sigma_w2"], 1.76095, 1e-5);
    check(&line[1]["crossings"][0]["sigma_w2"], 1.76095, 1e-5);
}

#[test]
fn unstable_crossings_are_shown() {
    let place = Place::new();
    let silu = ["meanfield", "critical", "--activation", "silu", "--sigma-b2", "0.04"];
    let text = place.succeed(&silu);
    assert!(text.contains("sigma_w2 = 2.8208") && text.contains("(unstable"), "{text}");
    let json = place.succeed(&[&silu[..], &["--json"]].concat());
    let json: Value = serde_json::from_str(&json).unwrap();
    check(&json["crossings"][0]["sigma_w2"], 2.8208, 5e-5);
    assert_eq!(json["crossings"][0]["is_stable"], false);
    assert!(json["error"].as_str().unwrap().contains("no critical point"), "{json}");
}

#[test]
fn data_and_networks() {
    let place = Place::new();
    let profile = place.succeed(&[
        "meanfield",
        "profile",
        "--sigma-w2",
        "1.5",
        "--samples",
        "8",
        "--depth",
        "4",
        "--json",
    ]);
    let profile: Value = serde_json::from_str(&profile).unwrap();
    let layers = profile["layers"].as_array().unwrap();
    assert!(layers.len() == 4 && layers[3]["c"]["mean"].as_f64() > layers[0]["c"]["mean"].as_f64());
    let sample = place.succeed(&[
        "meanfield",
        "sample",
        "--sigma-w2",
        "1.5",
        "--width",
        "60",
        "--networks",
        "8",
        "--depth",
        "3",
        "--json",
    ]);
    let sample: Value = serde_json::from_str(&sample).unwrap();
    let q = &sample["widths"][0]["layers"][2]["q"];
    let error = q["error"].as_f64().unwrap();
    check(&q["mean"], q["theory"].as_f64().unwrap(), 5.0 * error);
    let ridge = place.succeed(&[
        "meanfield",
        "ridge",
        "--sigma-w2",
        "0.5,1.7",
        "--train",
        "60",
        "--probe",
        "20",
        "--depth",
        "6",
        "--fluctuations",
        "--json",
        "--plot",
        "figures",
    ]);
    let ridge: Value = serde_json::from_str(&ridge).unwrap();
    let last = |point: &Value| point["chained"][5].as_f64().unwrap();
    let points = ridge["points"].as_array().unwrap();
    assert!(last(&points[0]) > last(&points[1]), "the ordered phase loses information sooner");
    let mean = points[1]["profiles"]["reconstruction-error"][5].as_f64().unwrap();
    assert!(last(&points[1]) > mean, "the spread adds to the mean reconstruction's error");
    assert!(place.path().join("figures/theory-ridge-tanh.png").exists());
}

#[test]
fn whole_networks_and_modes() {
    let place = Place::new();
    let json = |arguments: &[&str]| -> Value {
        let text = place.succeed(&[&["meanfield"], arguments, &["--json"]].concat());
        serde_json::from_str(&text).unwrap()
    };
    // Lengths of ReLU double per layer, and f32 overflows; the readout is stage 301.
    let dense = ["network", "--sigma-w2", "4", "--sigma-b2", "0", "--activation", "relu"];
    let dense = json(&[&dense[..], &["--depth", "300", "--input", "50"]].concat());
    assert_eq!(dense["overflow_stage"], 255);
    check(&dense["stages"][300]["growth"], 2.0, 1e-9);
    let image =
        ["network", "--sigma-w2", "1.5", "--kernel", "3", "--input", "2x6x6", "--depth", "4"];
    let pooled = json(&[&image[..], &["--residual", "after", "--pool", "max"]].concat());
    assert!(pooled["unknown"].is_null() && pooled["stages"].as_array().unwrap().len() == 5);
    assert!(pooled["stages"][0]["sampling_error"].is_null());
    assert!(pooled["stages"][4]["sampling_error"].as_f64().unwrap() < 0.1);
    let circular =
        json(&[&image[..], &["--boundary", "circular", "--law", "delta-orthogonal"]].concat());
    assert!(circular["fixed_point"]["xi_c"].is_number());
    let table = place.succeed(&[&["meanfield"], &image[..]].concat());
    assert!(table.contains("ln grad"), "{table}");
    let file = "name = \"x\"\n[data]\ndataset = \"digits\"\nsize = 14\nprobe = 10\n[network]\nkind = \"cnn\"\nchannels = 4\n\
                stem = 1\ndepth = 8\nboundary = \"circular\"\n[grid]\nsigma_w2 = [0.5, 1.04]\nsigma_b2 = 2e-5\n";
    std::fs::write(place.path().join("cnn.toml"), file).unwrap();
    check(&json(&["network", "cnn.toml"])["fixed_point"]["xi_c"], 1.443, 0.001);
    let other = json(&["network", "cnn.toml", "--sigma-w2", "1.04"]);
    check(&other["fixed_point"]["xi_c"], 2245.0, 0.5);
    assert!(other["unknown"].is_null() && other["network"].as_str().unwrap().contains("1.04"));
    let text = place.succeed(&["meanfield", "network", "cnn.toml"]);
    assert!(text.contains("inputs: two held-out samples of digits"), "{text}");
    assert!(text.contains("growth: q"), "{text}");
    // Samples of the data have other lengths and correlations than noise, which has mean square one.
    let noise = json(&["network", "cnn.toml", "--cosine", "0.6"]);
    assert_eq!(noise["inputs"], "noise of cosine 0.6");
    let samples = json(&["network", "cnn.toml"]);
    assert!(samples["stages"][0]["q"].as_f64() < noise["stages"][0]["q"].as_f64());
    let file = "name = \"x\"\n[data]\ndataset = \"digits\"\n[network]\nkind = \"resnet\"\nwidth = 40\ndepth = 8\n\
                [grid]\nsigma_w2 = 1.5\nsigma_b2 = 0.05\n";
    std::fs::write(place.path().join("residual.toml"), file).unwrap();
    assert!(json(&["network", "residual.toml"])["fixed_point"].is_null());
    let modes = json(&["modes", "--sigma-b2", "2e-5", "--size", "7x7"]);
    assert!(modes["modes"][0]["xi_c"].is_null());
    check(&modes["modes"][1]["xi_c"], 3.46, 0.005);
}

#[test]
fn networks_are_shown_for_the_data_of_their_file() {
    let place = Place::new();
    let network = |dataset: &str, file: &str| {
        let text = format!(
            "name = \"x\"\n[data]\ndataset = {dataset}\n[network]\ndepth = 3\nwidth = 9\n[grid]\nsigma_w2 = 1.5\n"
        );
        std::fs::write(place.path().join(file), text).unwrap();
        place.succeed(&["meanfield", "network", file])
    };
    let lines: Vec<String> = (0..40).map(|i| format!("{},{},{}\n", i % 7, i % 5, i % 2)).collect();
    std::fs::write(place.path().join("own.csv"), format!("a,b,kind\n{}", lines.concat())).unwrap();
    let own = "{ path = \"own.csv\", labels = \"kind\" }";
    let text = network(own, "own.toml");
    assert!(text.contains("inputs: two held-out samples of own.csv"), "{text}");
    let text = network("\"mnist\"", "mnist.toml");
    assert!(text.contains("noise of cosine 0.6, because the data are missing"), "{text}");
    assert!(text.contains("data fetch mnist"), "{text}");
    let given = ["meanfield", "network", "--sigma-w2", "1", "--depth", "2", "--dataset", own];
    assert!(place.succeed(&given).contains("samples of own.csv"));
    let profile = ["meanfield", "profile", "--sigma-w2", "1", "--depth", "2", "--dataset", own];
    assert!(place.succeed(&profile).contains("8 samples of own.csv"));
    let error = place.fail(2, &["meanfield", "network", "--sigma-w2", "1", "--dataset", "minst"]);
    assert!(error.contains("`mnist`"), "{error}");
}

#[test]
fn figures_are_written() {
    let place = Place::new();
    for arguments in [
        &["--sigma-w2", "1,2"][..],
        &["--sigma-w2", "1", "--dropout", "0.5"],
        &["--sigma-w2", "1", "--conv", "1x3", "--image", "1x9"],
        &["--sigma-w2", "0.5,2.5", "--activation", "gelu", "--sigma-b2", "0.2"],
        &["--sigma-w2", "1.5", "--residual", "full"],
    ] {
        place.succeed(&[&["meanfield"], arguments, &["--plot", "figures"]].concat());
    }
    let names: Vec<String> = std::fs::read_dir(place.path().join("figures"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    for kind in ["length-map", "correlation-map", "depth-scales", "plane", "profiles"] {
        for extension in ["png", "svg"] {
            let found = names.iter().any(|name| name.contains(kind) && name.ends_with(extension));
            assert!(found, "{kind} as {extension} is not among {names:?}");
        }
    }
}

#[test]
fn mistakes_are_rejected() {
    let place = Place::new();
    for (arguments, part) in [
        (&["--sigma-w2", "2:1:0.1"][..], "below"),
        (&["--sigma-w2", "1:2"], "from:to:step"),
        (&["--sigma-w2", "1", "--dropout", "0"], "keep is 0"),
        (&["--sigma-w2", "1", "--dropout", "0.5", "--residual"], "cannot be used"),
        (&["--sigma-w2", "1", "--conv", "3"], "ROWSxCOLUMNS"),
        (&["--sigma-w2", "1", "--depth", "0"], "--depth"),
        (&["--sigma-w2", "1", "--residual", "full", "--sigma-v2", "-1"], "sigma_v2"),
        (&["ridge", "--sigma-w2", "1", "--noise", "0"], "noise is 0"),
        (&["ridge", "--sigma-w2", "1", "--width", "0"], "width is 0"),
        (&["sample", "--sigma-w2", "1", "--networks", "1"], "--networks"),
        (&["profile", "--sigma-w2", "1", "--samples", "0"], "--samples"),
        (&["network", "--sigma-w2", "1", "--input", "3x3"], "3x32x32"),
        (&["network", "--sigma-w2", "-1"], "sigma_w2"),
        (&["network"], "--sigma-w2"),
        (&["network", "--sigma-w2", "1", "--law", "gauss"], "truncated-normal"),
        (&["network", "--sigma-w2", "1", "--kernel", "0"], "kernel"),
    ] {
        let error = place.fail(2, &[&["meanfield"], arguments].concat());
        assert!(error.contains(part), "{part:?} is not in: {error}");
    }
    let relu = ["--sigma-w2", "1", "--activation", "relu", "--residual", "post-activation"];
    let error = place.fail(1, &[&["meanfield"], &relu[..]].concat());
    assert!(error.contains("bounded"), "{error}");
}

/// `|measured - predicted|` of a layer at each width, with its standard error.
fn differences(point: &Value, layer: usize) -> Vec<[f64; 2]> {
    let predicted = point["chained"][layer].as_f64().unwrap();
    let measured = point["measured"].as_array().unwrap().iter().map(|measured| {
        let value = &measured["profiles"]["reconstruction-error"][layer];
        [(value["mean"].as_f64().unwrap() - predicted).abs(), value["error"].as_f64().unwrap()]
    });
    measured.collect()
}

/// Real ridge cascades approach the infinite-width prediction inversely to the width, in both phases: networks eight
/// times as wide are eight times as close. The next order in `1 / width` changes this by less than a third at these
/// widths, because noise leaves fewer decodable components than units.
#[test]
fn networks_approach_their_infinite_width_prediction() {
    const NARROW: f64 = 50.0;
    const WIDE: f64 = 400.0;
    let place = Place::new();
    let arguments = "ridge --sigma-w2 0.8,2.5 --train 60 --probe 40 --depth 2 --noise 1 \
                     --estimators reconstruction-error --measure 50,400 --networks 16";
    let ridge = json(&place, &arguments.split_whitespace().collect::<Vec<_>>());
    for point in ridge["points"].as_array().unwrap() {
        for layer in 0..2 {
            let [narrow, wide] = differences(point, layer)[..] else { panic!("two widths") };
            let is_closer = wide[0] + 4.0 * wide[1] < narrow[0] - 4.0 * narrow[1];
            assert!(is_closer, "layer {layer}: {narrow:?} {wide:?}");
            let error = 4.0 * f64::hypot(NARROW * narrow[1], WIDE * wide[1]);
            let (narrow, wide) = (NARROW * narrow[0], WIDE * wide[0]);
            let allowed = error + 0.33 * wide;
            assert!((narrow - wide).abs() < allowed, "layer {layer}: {narrow} {wide} {allowed}");
        }
    }
}

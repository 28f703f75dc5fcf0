//! Comparison of predictors with the trainings of a run, from the command line.

use crate::common::{EXPERIMENT, Place, TINIEST};
use serde_json::Value;

/// Two recipes, the second of which never succeeds.
fn place() -> Place {
    let smaller = EXPERIMENT
        .replace("{ from = 0.5, to = 3.0, step = 0.5 }", "[0.3, 1.5, 3.0]")
        .replace("[0.0, 0.05]", "0.05")
        .replace("train = 500", "train = 2000")
        .replace("batch = 32", "batch = 8\nepochs = 8")
        .replace("depth = 6", "depth = 9");
    Place::with(&format!(
        "{smaller}\n[train]\ndepths = [2, 5, 9]\ntrain = 400\ntest = 100\nsuccess = {{ accuracy = 0.5 }}\n\
         epochs = 3\nbatch = 20\n\
         optimizer = [{{ kind = \"sgd\", lr = 0.1 }}, {{ kind = \"sgd\", lr = 1e-9 }}]\n"
    ))
}

#[test]
fn comparison_and_its_errors() {
    let place = place();
    place.succeed(&["run", "tiny.toml"]);

    let output = place.output(&["compare", "tiny", "--bootstrap", "50", "--json"]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{text}");
    assert!(text.contains("skipped: all 18 trainings") && text.contains("failed"), "{text}");
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let recipes = json["recipes"].as_array().unwrap();
    assert_eq!(recipes.len(), 1);
    assert_eq!(recipes[0]["networks"], 18);
    let predictors = recipes[0]["predictors"].as_array().unwrap();
    let find = |name: &str| predictors.iter().find(|p| p["predictor"] == name);
    for name in [
        "xi_c",
        "6 xi_c",
        "chi_1",
        "depth",
        "parameters",
        "sigma_w2",
        "gradient-norm",
        "gradient-ratio",
        "jacobian",
        "jacobian-condition",
        "jacob-cov",
        "naswot",
        "naswot-last",
        "correlation",
        "effective-rank",
        "effective-rank-min",
        "batch-entropy",
        "steps-10",
        "steps-100",
        "steps-equal-cost",
        "cascade relative",
        "cascade relative saturation",
    ] {
        let predictor = find(name).unwrap_or_else(|| panic!("no {name}"));
        assert!(predictor["auc"].is_number(), "{predictor}");
        // At sigma_w2 = 0.3 the decoders do not learn to invert the first layer.
        let missing = if name == "cascade relative saturation" { 6 } else { 0 };
        assert_eq!(predictor["missing"], missing, "{predictor}");
        assert!(!predictor["meaning"].as_str().unwrap().is_empty(), "{predictor}");
    }
    assert_eq!(find("depth").unwrap()["unchanged_by_sigma_w2"], 1.0);
    assert!(find("steps-100").unwrap()["cost_ratio"].as_f64().unwrap() > 0.0);
    let page = std::fs::read_to_string(place.run_folder().join("compare.html")).unwrap();
    assert!(page.contains("AUC of trainability predictors"));

    let table = place.succeed(&["compare", "tiny", "--bootstrap", "50", "--recipe", "sgd 0.1"]);
    assert!(table.contains("| predictor | AUC |"), "{table}");
    let error = place.fail(1, &["compare", "tiny", "--recipe", "adam"]);
    assert!(error.contains("the recipes are sgd 0.1, sgd"), "{error}");

    let board = place.succeed(&["scoreboard", "tiny", "--bootstrap", "5", "--figure", "board"]);
    assert!(board.contains("| predictor | above xi_c | cost | tiny |"), "{board}");
    assert!(place.path().join("board/scoreboard.svg").is_file());
    let error = place.fail(2, &["scoreboard", "tiny", "tiny"]);
    assert!(error.contains("tiny is given twice"), "{error}");
    // Three epochs of 20 steps, evaluated after each.
    let error = place.fail(1, &["compare", "tiny", "--budget", "19"]);
    assert!(error.contains("after steps from 20 to 60"), "{error}");
    let scores = place.succeed(&["calibrate", "--evaluate", "tiny"]);
    assert!(scores.contains("of 36 trainings succeed"), "{scores}");
    assert!(!place.path().join("calibration.toml").exists(), "a model was fitted");
}

#[test]
fn cascades_that_decode_nothing_are_not_ranked() {
    let file = EXPERIMENT
        .replace("{ from = 0.5, to = 3.0, step = 0.5 }", "[0.5, 1.0, 2.0]")
        .replace("[0.0, 0.05]", "0.05")
        .replace("batch = 32", "batch = 32\noptimizer = { kind = \"sgd\", lr = 1e-9 }");
    let place = Place::with(&format!(
        "{file}\n[train]\ndepths = [2, 6]\ntrain = 400\ntest = 100\nsuccess = {{ accuracy = 0.5 }}\n\
         epochs = 3\nbatch = 20\noptimizer = {{ kind = \"sgd\", lr = 0.1 }}\n"
    ));
    place.succeed(&["run", "tiny.toml"]);
    let sentence = "The cascade predicts no depth for any of these networks";
    let text = place.succeed(&["compare", "tiny", "--bootstrap", "50"]);
    assert!(text.contains(sentence) && text.contains("not decoded"), "{text}");
    let json = place.succeed(&["compare", "tiny", "--bootstrap", "50", "--json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert!(json["recipes"][0]["cascade_missing"].as_str().unwrap().starts_with(sentence));
    let page = std::fs::read_to_string(place.run_folder().join("compare.html")).unwrap();
    assert!(page.contains(sentence));
}

#[test]
fn missing_trainings_error_names_the_section_to_add() {
    let place = Place::new();
    place.succeed(&["run", "tiny.toml"]);
    let error = place.fail(1, &["compare", "tiny"]);
    assert!(error.contains("[train]"), "{error}");
}

/// Trainings of tanh networks made elsewhere, beside a run of two weight variances.
const OUTCOMES: &str = "sigma_w2,layers,train acc,keep_prob\n\
    1,2,0.9,1\n1,4,0.8,1\n1,30,0.2,1\n1.5,2,0.9,1\n1.5,30,0.7,1\n1.5,90,nan,1\n\
    2,2,0.9,1\n2,30,0.6,1\n2,90,0.1,1\n2,95,0.1,1\n3,2,0.9,1\n3,30,0.1,1\n";

#[test]
fn predictors_are_compared_with_a_table_of_outcomes() {
    let (untrained, _) = TINIEST.split_once("[train]").unwrap();
    let decodable =
        untrained.replace("train = 96", "train = 500").replace("width = 20", "width = 100");
    let place = Place::with(&decodable.replace("batch = 32", "method = \"ridge\""));
    std::fs::write(place.path().join("elsewhere.csv"), OUTCOMES).unwrap();
    let table = ["compare", "--outcomes", "elsewhere.csv", "--column", "accuracy=train acc"];
    let with = |more: &[&'static str]| [&table[..], more].concat();

    let error = place.fail(1, &with(&[]));
    assert!(error.contains("elsewhere.csv") && error.contains("--activation NAME"), "{error}");
    let error = place.fail(1, &with(&["tiny.toml"]));
    assert!(error.contains("cargo xtask run tiny.toml"), "{error}");
    let given = ["--activation", "tanh", "--sigma-b2", "0.05", "--bootstrap", "20"];
    let text = place.succeed(&with(&given));
    assert!(text.contains("7 of 12 networks in 12 cells succeeded"), "{text}");
    assert!(text.contains("1 diverged") && text.contains("| 6 xi_c |"), "{text}");
    let strict = place.succeed(&with(&[&given[..], &["--success-accuracy", "0.75"]].concat()));
    assert!(strict.contains("at least 0.75") && strict.contains("5 of 12 networks"), "{strict}");
    for (option, value) in [("--success-accuracy", "75"), ("--sigma-b2", "-1"), ("--recipe", "sgd")]
    {
        place.fail(2, &with(&[option, value]));
    }
    place.fail(2, &["compare", "tiny", "--activation", "tanh"]);
    place.fail(2, &["compare", "tiny", "other"]);

    // The run gives activation and bias variance, and a cut-off between its variances of 1 and 2.
    place.succeed(&["run", "tiny.toml"]);
    let output = place.succeed(&with(&["tiny.toml", "--json", "--csv", "tables"]));
    let grid = &serde_json::from_str::<Value>(&output).unwrap()["grids"][0];
    let predictors = grid["predictors"].as_array().unwrap();
    let cascade = predictors.last().unwrap();
    assert_eq!(cascade["predictor"], "tiny: ridge 0.03 reconstruction-error threshold-0.7");
    let covered =
        |family: &Value| family["predicted"].get(cascade["predictor"].as_str().unwrap()).is_some();
    let families = grid["frontiers"].as_array().unwrap();
    assert_eq!(families.iter().map(covered).collect::<Vec<_>>(), [true, true, true, false]);
    assert_eq!(cascade["missing"], 2);
    for name in ["predictors.csv", "frontiers.csv", "depths.csv"] {
        assert!(place.path().join("tables").join(name).is_file(), "{name}");
    }
}

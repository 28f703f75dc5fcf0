//! Comparison of predictors with the trainings of a run, from the command line.

use crate::common::{EXPERIMENT, Place};
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
